//! The live view of a training: bars and figures on a terminal, a line for each epoch elsewhere.

use super::output::bars;
use super::say;
use super::train_text::{epoch_text, left_text, probe_text, step_text};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use nestling_train::run_folder::RunFolder;
use nestling_train::tensorboard::Curves;
use nestling_train::train::{EpochReport, StepReport, Trainer};
use std::io;
use std::time::{Duration, Instant};

/// Least time from one drawing of the figures to the next.
const REDRAW: Duration = Duration::from_millis(200);

/// Shows a training while it goes on, and writes its curves.
pub(super) struct TrainView {
    bars: MultiProgress,
    run: ProgressBar,
    epoch: ProgressBar,
    figures: ProgressBar,
    probes: Vec<ProgressBar>,
    curves: Option<Curves>,
    pace: Pace,
    batch: f64,
    last_epoch: u32,
    per_epoch: u64,
    has_patience: bool,
}

/// The speed of a training, of the process and of the epoch.
struct Pace {
    /// The beginning of this process's work, and the steps that were done then.
    begun: (Instant, u64),
    /// The same of the epoch.
    epoch_begun: (Instant, u64),
    /// Seconds of the epoch's steps, without the evaluation after them.
    steps_s: f64,
    drawn: Instant,
}

impl Pace {
    fn at(step: u64) -> Self {
        let now = Instant::now();
        Self { begun: (now, step), epoch_begun: (now, step), steps_s: 0.0, drawn: now }
    }

    /// Seconds to go, as the process went so far; none before the first step.
    fn seconds_left(&self, step: u64, last_step: u64) -> Option<f64> {
        let done = step.saturating_sub(self.begun.1);
        let each = self.begun.0.elapsed().as_secs_f64() / done as f64;
        (done > 0).then(|| each * last_step.saturating_sub(step) as f64)
    }

    fn steps_per_s(&self, step: u64) -> f64 {
        step.saturating_sub(self.epoch_begun.1) as f64 / self.steps_s.max(1e-9)
    }
}

impl TrainView {
    /// The view of a training up to `last_epoch`, and its curves in `folder`.
    pub fn new(trainer: &Trainer, last_epoch: u32, folder: &RunFolder) -> Self {
        let (per_epoch, done) = (trainer.steps_per_epoch(), trainer.summary().steps);
        let bars = bars();
        let add = |bar: ProgressBar, template: &str| {
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bars.add(bar)
        };
        let run =
            add(ProgressBar::new(per_epoch * u64::from(last_epoch)), "{prefix:>10} [{bar:30}] {percent} %, {msg}");
        run.set_position(done);
        run.set_prefix("run");
        let epoch = add(ProgressBar::new(per_epoch), "{prefix:>10} [{bar:30}] {pos}/{len} steps {msg}");
        let figures = add(ProgressBar::new_spinner(), "{prefix:>10} {msg}");
        figures.set_prefix("now");
        let above = bars.clone();
        trainer.on_slow_reader(move |text| above.suspend(|| say(&format!("note: {text}"))));
        let curves = folder.curves(done).inspect_err(lose_curves).ok();
        let (batch, has_patience) = (f64::from(trainer.config().batch_size), trainer.config().patience > 0);
        Self {
            bars,
            run,
            epoch,
            figures,
            probes: Vec::new(),
            curves,
            pace: Pace::at(done),
            batch,
            last_epoch,
            per_epoch,
            has_patience,
        }
    }

    /// Runs the next epoch.
    pub fn train_epoch(&mut self, trainer: &mut Trainer) -> anyhow::Result<EpochReport> {
        let number = trainer.epochs_done() + 1;
        self.epoch.set_prefix(format!("epoch {number}/{}", self.last_epoch));
        self.epoch.reset();
        self.epoch.set_message("");
        self.pace.epoch_begun = (Instant::now(), trainer.summary().steps);
        let report = trainer.epoch(|step| self.step(step))?;
        let images_per_s = self.batch * self.pace.steps_per_s(report.step);
        self.write(|curves| curves.epoch(&report, images_per_s));
        let left = if number < self.last_epoch { self.left(report.step) } else { String::new() };
        let text = epoch_text(&report, &left);
        self.bars.suspend(|| say(&text));
        Ok(report)
    }

    /// Shows the accuracy of each probe child, beside its best.
    pub fn show_probes(&mut self, epochs: &[EpochReport]) {
        let Some(last) = epochs.last() else { return };
        for (index, probe) in last.probes.iter().enumerate() {
            if self.probes.len() <= index {
                let line = self.bars.add(ProgressBar::new_spinner());
                if let Ok(style) = ProgressStyle::with_template("{prefix:>10} {msg}") {
                    line.set_style(style);
                }
                self.probes.push(line);
            }
            self.probes[index].set_prefix(probe.name.clone());
            self.probes[index].set_message(probe_text(&probe.name, epochs));
        }
    }

    /// Takes the view from the terminal.
    pub fn finish(self) {
        let own = [&self.run, &self.epoch, &self.figures];
        own.into_iter().chain(&self.probes).for_each(ProgressBar::finish_and_clear);
    }

    /// The time left, for people.
    fn left(&self, step: u64) -> String {
        let last_step = self.per_epoch * u64::from(self.last_epoch);
        left_text(self.pace.seconds_left(step, last_step), self.has_patience)
    }

    fn step(&mut self, step: &StepReport) {
        self.pace.steps_s = self.pace.epoch_begun.0.elapsed().as_secs_f64();
        self.write(|curves| curves.step(step));
        let done = step.step - self.pace.epoch_begun.1;
        self.run.set_position(step.step);
        self.epoch.set_position(done);
        let is_last = done == self.per_epoch;
        if self.pace.drawn.elapsed() < REDRAW && !is_last {
            return;
        }
        self.pace.drawn = Instant::now();
        self.figures.set_message(step_text(step, self.batch * self.pace.steps_per_s(step.step)));
        self.run.set_message(self.left(step.step));
        if is_last {
            self.epoch.set_message("done; evaluating the probe children");
        }
    }

    /// Writes curves as long as the disk takes them: a training does not end for their sake.
    fn write(&mut self, write: impl FnOnce(&mut Curves) -> io::Result<()>) {
        if let Some(Err(error)) = self.curves.as_mut().map(write) {
            self.curves = None;
            self.bars.suspend(|| lose_curves(&error));
        }
    }
}

fn lose_curves(error: &io::Error) {
    say(&format!("note: TensorBoard's events cannot be written, the training goes on without them: {error}"));
}
