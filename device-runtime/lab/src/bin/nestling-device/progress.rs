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
        |progress| self.show(progress.fraction, progress.phase)
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
