//! The progress of long work: a bar on a terminal, a line now and then elsewhere.

use super::train_text::duration;
use super::{bar, say};
use indicatif::ProgressBar;
use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time from one line to the next.
const LINE_EVERY: Duration = Duration::from_secs(10);

/// Tells on standard error how far some work is. Several threads may report.
pub(super) struct Progress {
    label: &'static str,
    bar: ProgressBar,
    /// The times of the lines, where there is no terminal.
    pace: Option<Mutex<Pace>>,
}

/// When lines were written.
struct Pace {
    begun: Instant,
    last: Instant,
}

impl Pace {
    /// The line that is due at a time, if one is: no two follow each other within [`LINE_EVERY`].
    fn line(&mut self, label: &str, done: usize, total: usize, now: Instant) -> Option<String> {
        if now.duration_since(self.last) < LINE_EVERY || done == 0 {
            return None;
        }
        self.last = now;
        let seconds = now.duration_since(self.begun).as_secs_f64() / done as f64 * total.saturating_sub(done) as f64;
        Some(format!("{label}: {done} of {total}, {} left", duration(seconds)))
    }
}

impl Progress {
    /// Work of `total` parts; the number may be given later.
    pub fn new(total: usize, label: &'static str) -> Self {
        let now = Instant::now();
        let pace = (!stderr().is_terminal()).then(|| Mutex::new(Pace { begun: now, last: now }));
        Self { label, bar: bar(total as u64, label), pace }
    }

    /// So many of so many parts are done.
    pub fn set(&self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        if let Some(pace) = &self.pace {
            let line =
                pace.lock().unwrap_or_else(PoisonError::into_inner).line(self.label, done, total, Instant::now());
            line.iter().for_each(|line| say(line));
        }
    }

    /// Says a sentence beside the bar.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| say(text));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_comes_every_ten_seconds_and_not_before() {
        let begun = Instant::now();
        let mut pace = Pace { begun, last: begun };
        let mut line = |done, seconds| pace.line("search", done, 200, begun + Duration::from_secs(seconds));
        assert_eq!((line(3, 9), line(0, 11)), (None, None));
        assert_eq!(line(10, 12).as_deref(), Some("search: 10 of 200, 4 min left"));
        assert_eq!(line(12, 21), None);
        assert_eq!(line(200, 22).as_deref(), Some("search: 200 of 200, 0 s left"));
    }
}
