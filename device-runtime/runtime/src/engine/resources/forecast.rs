//! Whether pipelines will be compiled in time.

use nestling_core::metrics::Millis;
use nestling_stopwatch::{Elapsed, Stopwatch};
use std::time::Duration;

/// Foresees whether all texts will be compiled in time, by the time of those that are. With a driver's cache each is a
/// matter of milliseconds; without one, each that is compiled first keeps the first answer waiting for nothing.
pub(super) struct Forecast {
    patience: Millis,
    stopwatch: Stopwatch,
    /// The effort of all texts.
    total: f64,
    /// Milliseconds for each unit of effort, of the text that took least: other programs and the weights that are sent
    /// meanwhile only add to it.
    least: f64,
    done: usize,
    is_late: bool,
}

/// Texts that must be compiled before a forecast: the first time of a thread is often too long.
const ENOUGH: usize = 2;

impl Forecast {
    pub(super) fn new(patience: Duration, lengths: impl Iterator<Item = usize>) -> Self {
        let (stopwatch, total) = (Stopwatch::start(), lengths.map(effort).sum());
        Self { patience: patience.into(), stopwatch, total, least: f64::INFINITY, done: 0, is_late: false }
    }

    /// A text is compiled next.
    pub(super) fn begin(&mut self) {
        self.stopwatch = Stopwatch::start();
    }

    /// Whether it turns out now, after a text of so many bytes, that all take longer than the patience.
    pub(super) fn turns_late_after(&mut self, length: usize) -> bool {
        self.turns_late(spent(self.stopwatch.elapsed()), length)
    }

    fn turns_late(&mut self, spent: f64, length: usize) -> bool {
        self.done += 1;
        self.least = self.least.min(spent / effort(length));
        let turns = !self.is_late && self.done >= ENOUGH && self.least * self.total > self.patience.0;
        self.is_late |= turns;
        turns
    }
}

/// Compilers take more than twice as long over a text that is twice as long: on lavapipe, 24 ms for one of 2.7 kB and 300
/// for one of 13.4.
fn effort(length: usize) -> f64 {
    (length as f64).powf(1.5)
}

/// Milliseconds of compiling, also where other programs keep the processor: a slow moment says nothing of the cache.
fn spent(elapsed: Elapsed) -> f64 {
    elapsed.cpu.map_or(elapsed.wall.0, |cpu| cpu.0.min(elapsed.wall.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of Table 1's texts, and milliseconds of the first of them on lavapipe.
    const LENGTHS: [usize; 11] = [2678, 3946, 5229, 6495, 8775, 9360, 9689, 10993, 13405, 13855, 16385];

    /// The number of texts after which the forecast turns late, if it does.
    fn late_after(patience: Duration, times: &[f64]) -> Option<usize> {
        let mut forecast = Forecast::new(patience, LENGTHS.into_iter());
        let late: Vec<bool> =
            times.iter().zip(LENGTHS).map(|(&time, length)| forecast.turns_late(time, length)).collect();
        assert!(late.iter().filter(|&&late| late).count() <= 1, "told once: {late:?}");
        late.iter().position(|&late| late).map(|index| index + 1)
    }

    #[test]
    fn an_empty_cache_is_seen_after_two_texts_and_a_full_one_also_on_a_busy_machine() {
        let second = Duration::from_secs(1);
        assert_eq!(late_after(second, &[24.0, 33.0, 86.0, 880.0]), Some(2), "measured without a cache");
        assert_eq!(late_after(second, &[3.2, 8.3, 8.0, 17.0, 16.0]), None, "measured with one");
        assert_eq!(late_after(second, &[10.0, 25.5, 12.0, 17.0, 10.0]), None, "on a busy machine");
        assert_eq!(late_after(second, &[500.0, 8.0, 8.0]), None, "one slow moment");
        assert_eq!(late_after(Duration::ZERO, &[3.0, 4.0]), Some(2));
        assert_eq!(late_after(Duration::from_secs(60), &[24.0, 33.0, 86.0, 880.0]), None);
    }

    #[test]
    fn waiting_for_the_processor_and_help_of_other_threads_do_not_count() {
        let took = |wall: f64, cpu: Option<f64>| spent(Elapsed { wall: Millis(wall), cpu: cpu.map(Millis) });
        assert_eq!((took(80.0, Some(20.0)), took(20.0, Some(40.0)), took(20.0, None)), (20.0, 20.0, 20.0));
    }

    #[test]
    fn a_text_is_timed_from_its_own_beginning() {
        let mut forecast = Forecast::new(Duration::from_secs(3600), LENGTHS.into_iter());
        std::thread::sleep(Duration::from_millis(20));
        forecast.begin();
        assert!(!forecast.turns_late_after(2678) && forecast.least * effort(2678) < 20.0);
    }
}
