//! Whether pipelines will be compiled in time.

use std::time::{Duration, Instant};

/// Foresees whether all texts will be compiled in time, by the time of those that are. With a driver's cache each is a
/// matter of milliseconds; without one, each that is compiled first keeps the first answer waiting for nothing.
pub(super) struct Forecast {
    patience: Duration,
    started: Instant,
    /// Lengths of the texts that are compiled, and of all.
    done: usize,
    total: usize,
    is_late: bool,
}

impl Forecast {
    pub(super) fn new(patience: Duration, total: usize) -> Self {
        Self { patience, started: Instant::now(), done: 0, total, is_late: false }
    }

    /// Whether it turns out now, after a text of so many bytes, that the patience will be over before the end.
    pub(super) fn turns_late_after(&mut self, length: usize) -> bool {
        self.done += length;
        let turns = !self.is_late && foreseen(self.started.elapsed(), self.done, self.total) > self.patience;
        self.is_late |= turns;
        turns
    }
}

/// The time of `total`, if `done` took so long and the rest goes on like this.
fn foreseen(elapsed: Duration, done: usize, total: usize) -> Duration {
    elapsed.mul_f64(total as f64 / done.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_expected_to_take_as_long_as_what_was_done() {
        let millis = Duration::from_millis;
        assert_eq!(foreseen(millis(40), 100, 2500), millis(1000));
        assert_eq!(foreseen(millis(1500), 2500, 2500), millis(1500));
        assert_eq!(foreseen(Duration::ZERO, 0, 2500), Duration::ZERO);
    }

    #[test]
    fn lateness_is_told_once_and_a_fast_driver_is_never_late() {
        let mut slow =
            Forecast { started: Instant::now() - Duration::from_secs(2), ..Forecast::new(Duration::from_secs(10), 60) };
        assert!(slow.turns_late_after(10), "12 seconds are foreseen");
        assert!(!slow.turns_late_after(40), "it was told");
        let mut fast = Forecast::new(Duration::from_secs(60), 50);
        assert!(!(0..50).any(|_| fast.turns_late_after(1)));
    }
}
