//! A progress bar on stderr.

use indicatif::{ProgressBar, ProgressStyle};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(2);
const STEPS: u64 = 1000;

/// Appears after two seconds, on a terminal only.
pub struct Bar {
    started: Instant,
    bar: OnceLock<ProgressBar>,
}

impl Bar {
    pub fn new() -> Self {
        Self { started: Instant::now(), bar: OnceLock::new() }
    }

    /// Shows the progress of the SDK.
    pub fn follow(&self) -> impl Fn(nestling::Progress) + Sync + '_ {
        self.follow_turn(0, 1)
    }

    /// Shows the progress of the SDK in one of several calls, counted from 0, that take about as long as each other.
    pub fn follow_turn(&self, turn: usize, turns: usize) -> impl Fn(nestling::Progress) + Sync + '_ {
        move |progress| self.show((turn as f64 + progress.fraction) / turns as f64, progress.phase)
    }

    /// Shows the progress of an audit, an evaluation or a report.
    pub fn follow_lab(&self) -> impl Fn(nestling_lab::Progress) + Sync + '_ {
        |progress| self.show(progress.fraction, progress.doing)
    }

    /// Hides the bar while something else is printed.
    pub fn pause<T>(&self, print: impl FnOnce() -> T) -> T {
        match self.bar.get() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    /// Says that `done`, from 0 to 1, is done.
    pub fn show(&self, done: f64, doing: impl ToString) {
        if self.started.elapsed() < PATIENCE {
            return;
        }
        let bar = self.bar.get_or_init(|| {
            let style = ProgressStyle::with_template("{msg:<16} [{bar:40}] {percent:>3} %  {eta} left");
            ProgressBar::new(STEPS).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        });
        bar.set_message(doing.to_string());
        bar.set_position((done * STEPS as f64) as u64);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling::Phase;

    /// A bar whose patience has ended.
    fn visible() -> Bar {
        Bar { started: Instant::now().checked_sub(PATIENCE).unwrap(), bar: OnceLock::new() }
    }

    fn shown(bar: &Bar) -> (u64, String) {
        let bar = bar.bar.get().unwrap();
        (bar.position(), bar.message())
    }

    #[test]
    fn all_kinds_of_progress_are_shown_by_one_bar() {
        let bar = visible();
        bar.follow()(nestling::Progress { fraction: 0.5, phase: Phase::Choosing });
        assert_eq!(shown(&bar), (500, Phase::Choosing.to_string()));
        bar.follow_turn(3, 4)(nestling::Progress { fraction: 0.5, phase: Phase::Calibrating });
        assert_eq!(shown(&bar), (875, Phase::Calibrating.to_string()));
        bar.follow_lab()(nestling_lab::Progress { fraction: 0.25, doing: "timing shipped children" });
        assert_eq!(shown(&bar), (250, "timing shipped children".to_owned()));
    }

    #[test]
    fn nothing_is_shown_at_first() {
        let bar = Bar::new();
        bar.follow()(nestling::Progress { fraction: 0.5, phase: Phase::Choosing });
        assert!(bar.bar.get().is_none());
    }
}
