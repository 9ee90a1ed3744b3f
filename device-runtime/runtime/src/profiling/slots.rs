//! When runs begin: each as soon as the last one ended, or at an app's cadence.

use crate::Error;
use crate::engine::{PreparedChild, Supernet};
use nestling_core::image::Image;
use nestling_core::metrics::Millis;
use std::time::Duration;
use web_time::Instant;

/// The longest cadence; an older profile's reader believes no longer one.
const LONGEST: Duration = Duration::from_secs(60);
/// Runs of a batch at most.
const MOST_RUNS: f64 = 1000.0;
/// A batch of a fixed number of runs ends after so many times the longest batch.
const FAR: u32 = 4;
/// A run that begins later than this part of the cadence has missed its slot.
const LATE: u32 = 4;

/// The slots of a cadence. A run that is longer than its slot has the next one begin at once, and no slot is made up for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    every: Option<Duration>,
    next: Option<Instant>,
}

impl Pace {
    /// Back to back without a cadence, or with one of no time; at most a minute.
    pub(super) fn new(every: Option<Duration>) -> Self {
        Self { every: every.filter(|every| !every.is_zero()).map(|every| every.min(LONGEST)), next: None }
    }

    /// When the next run may begin, if it is `now`.
    fn next_begin(&self, now: Instant) -> Instant {
        self.next.map_or(now, |next| next.max(now))
    }

    /// The next run begins a whole slot after now.
    fn rest(&mut self, now: Instant) {
        self.next = self.every.map(|every| now + every);
    }

    /// A run begins now.
    fn begin(&mut self, now: Instant) {
        let Some(every) = self.every else { return };
        let slot = self.next.unwrap_or(now);
        let is_late = now.saturating_duration_since(slot) > every / LATE;
        self.next = Some(if is_late { now } else { slot } + every);
    }
}

/// The size of a batch of runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchSize {
    /// The least duration: a short disturbance is a small part of it.
    pub(super) least: Duration,
    /// The least number of runs, except where they take longer than `most`.
    pub(super) runs: usize,
    pub(super) most: Duration,
}

impl BatchSize {
    /// Whether a batch of so many runs, whose next one would begin after `time`, is large enough.
    pub(super) fn is_reached(&self, runs: usize, time: Duration) -> bool {
        time >= self.least && (runs >= self.runs || time >= self.most)
    }

    /// Whether a batch that is to have `count` runs has them, or takes far longer than it should: a burst of other work must
    /// not make it endless.
    pub(super) fn has(&self, count: usize, runs: usize, time: Duration) -> bool {
        runs >= count || time >= FAR * self.most
    }

    /// The runs of a batch that is large enough if each takes this time.
    pub(super) fn runs_of(&self, each: Millis) -> usize {
        let of = |time: Duration| Millis::from(time).runs_of(each, [1.0, MOST_RUNS]);
        of(self.least).max(self.runs).min(of(self.most))
    }
}

/// Runs of children, each in its slot.
pub(super) struct Slots<'a> {
    supernet: &'a Supernet,
    image: Image<'a>,
    pace: Pace,
}

impl<'a> Slots<'a> {
    pub(super) fn new(supernet: &'a Supernet, image: Image<'a>, every: Option<Duration>) -> Self {
        Self { supernet, image, pace: Pace::new(every) }
    }

    pub(super) fn every(&self) -> Option<Duration> {
        self.pace.every
    }

    /// The device was used otherwise: the next run finds it rested.
    pub(super) fn rest(&mut self) {
        self.pace.rest(Instant::now());
    }

    /// Runs a child until a batch is large enough, once at least; `is_enough` gets the number of runs, and the time until
    /// the next one would begin. Returns that time, too.
    pub(super) async fn batch(
        &mut self,
        child: &PreparedChild,
        is_enough: impl Fn(usize, Duration) -> bool,
    ) -> Result<(Vec<Millis>, Duration), Error> {
        let started = self.pace.next_begin(Instant::now());
        let mut runs = Vec::new();
        loop {
            let now = Instant::now();
            let wait = self.pace.next_begin(now).saturating_duration_since(now);
            if !wait.is_zero() {
                self.supernet.context().sleep(wait).await;
            }
            self.pace.begin(Instant::now());
            runs.extend(self.supernet.time_runs(child, &self.image, 1).await?);
            let time = self.pace.next_begin(Instant::now()).saturating_duration_since(started);
            if is_enough(runs.len(), time) {
                return Ok((runs, time));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }

    /// The begins of runs of these durations, in ms, on a clock that wakes a millisecond late.
    fn begins(every: Option<u64>, runs: &[u64]) -> Vec<u128> {
        let (mut pace, started) = (Pace::new(every.map(ms)), Instant::now());
        let (mut now, mut begins) = (started, Vec::new());
        for &run in runs {
            let slot = pace.next_begin(now);
            now = if slot > now { slot + ms(1) } else { now };
            pace.begin(now);
            begins.push((now - started).as_millis());
            now += ms(run);
        }
        begins
    }

    #[test]
    fn runs_begin_at_the_cadence_and_at_once_behind_a_longer_one() {
        assert_eq!(begins(None, &[5, 7, 1]), [0, 5, 12]);
        assert_eq!(begins(Some(0), &[5, 7, 1]), [0, 5, 12]);
        // Late wakes do not add up.
        assert_eq!(begins(Some(100), &[5; 5]), [0, 101, 201, 301, 401]);
        // Two of 150 ms begin at once behind each other, and the cadence goes on from the last one that was late.
        assert_eq!(begins(Some(100), &[150, 150, 5, 5]), [0, 150, 300, 401]);
    }

    #[test]
    fn the_time_of_a_run_gives_the_size_of_a_batch() {
        let size = BatchSize { least: ms(12), runs: 8, most: ms(100) };
        assert_eq!([0.0, 0.25, 1.5, 4.0, 25.0, 500.0].map(|each| size.runs_of(Millis(each))), [1000, 48, 8, 8, 4, 1]);
        let has = |runs, time| size.has(48, runs, ms(time));
        assert_eq!([has(47, 12), has(48, 12), has(3, 399), has(3, 400)], [false, true, false, true]);
    }

    #[test]
    fn a_rest_is_a_whole_slot() {
        let now = Instant::now();
        for (every, waits) in [(None, 0), (Some(100), 100)] {
            let mut pace = Pace::new(every.map(ms));
            pace.begin(now);
            pace.rest(now + ms(90));
            assert_eq!(pace.next_begin(now + ms(95)) - (now + ms(90)), ms(waits).max(ms(5)));
        }
    }

    #[test]
    fn a_batch_is_bounded_by_time_at_every_cadence() {
        let size = BatchSize { least: ms(12), runs: 4, most: ms(400) };
        let runs_of = |every: Option<u64>, run: u64| {
            let (mut pace, started) = (Pace::new(every.map(ms)), Instant::now());
            let (mut now, mut runs) = (started, 0);
            loop {
                now = pace.next_begin(now);
                pace.begin(now);
                now += ms(run);
                runs += 1;
                if size.is_reached(runs, pace.next_begin(now) - started) {
                    return runs;
                }
            }
        };
        let cadences = [None, Some(2), Some(33), Some(100), Some(200), Some(1000)];
        assert_eq!(cadences.map(|every| runs_of(every, 1)), [12, 6, 4, 4, 2, 1]);
        // A child of a second runs once, whatever the cadence.
        assert_eq!(cadences.map(|every| runs_of(every, 1000)), [1; 6]);
    }
}
