use crate::Error;
use crate::engine::{PreparedChild, Supernet};
use crate::profiling::slots::{BatchSize, Slots};
use nestling_core::image::Image;
use nestling_core::latency::{Batches, Timeline};
use nestling_core::metrics::{Latency, Millis};
use std::time::Duration;
use web_time::Instant;

/// Batches of the reference, back to back.
const BATCH: BatchSize = BatchSize { least: Duration::from_millis(12), runs: 8, most: Duration::from_millis(100) };
/// The same at a cadence: seconds are short for many runs.
const PACED_BATCH: BatchSize =
    BatchSize { least: Duration::from_millis(12), runs: 4, most: Duration::from_millis(400) };
/// Times that are enough back to back are longer at a cadence: for so many runs, but by this factor at most.
const PACED_RUNS: u32 = 30;
const PACED_TIMES: u32 = 5;
/// The reference is timed again after this multiple of its own duration.
const REST: f64 = 3.0;
/// A device of which at least this share is ours is quiet: a part of the time to listen is enough.
const QUIET_SHARE: f64 = 0.95;
const QUIET_PART: u32 = 5;
/// The same at a cadence: fewer runs say less.
const PACED_QUIET_PART: u32 = 2;
/// Batches that are recent.
const RECENT: usize = 5;

/// The current speed, by a reference child that is timed again and again: the smallest, because it is the
/// cheapest.
///
/// Clocks, heat and other programs change a device's speed from second to second. Times that are compared, or fitted
/// together, are first corrected for that drift. Its speed is that of its undisturbed runs; what interrupts the others is
/// in its [`Timeline`].
pub struct DriftMeter<'a> {
    slots: Slots<'a>,
    reference: PreparedChild,
    batches: Vec<Vec<Millis>>,
    timed_at: Instant,
    took: Duration,
}

impl<'a> DriftMeter<'a> {
    /// Takes a slot for the reference, and warms it up. At an app's cadence every run, of the reference and of the children
    /// beside it, begins in a slot of its own: an app whose device rests between its inferences sees other times than runs
    /// back to back.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn paced(supernet: &'a Supernet, image: Image<'a>, every: Option<Duration>) -> Result<Self, Error> {
        let network = supernet.space().lower(&supernet.space().smallest())?;
        let reference = supernet.prepare_to_time(&network).await?;
        supernet.time_whole_async(&reference, &image, 0).await?;
        let (timed_at, took) = (Instant::now(), Duration::ZERO);
        let mut slots = Slots::new(supernet, image, every);
        slots.rest();
        let mut meter = Self { slots, reference, batches: Vec::new(), timed_at, took };
        meter.time().await?;
        Ok(meter)
    }

    /// The cadence; none back to back.
    pub fn every(&self) -> Option<Duration> {
        self.slots.every()
    }

    /// The number of runs in about `time` of a child that takes `each`, at least and at most `bounds`. At a cadence the
    /// time is longer, for as many runs as are enough.
    pub fn runs_in(&self, time: Millis, each: Millis, bounds: [f64; 2]) -> usize {
        let Some(every) = self.every() else { return time.runs_of(each, bounds) };
        let (every, whole) =
            (Millis::from(every), Millis::from(stretched(Duration::from_secs_f64(time.0 * 1e-3), every)));
        whole.runs_of(Millis(each.0.max(every.0)), bounds)
    }

    /// The reference's undisturbed time about now.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn now(&mut self) -> Result<Millis, Error> {
        self.refresh().await?;
        Ok(self.batches.last().map(|batch| calm(batch)).unwrap_or_default())
    }

    /// Runs a child some times; returns the reference's runs beside them, and theirs. The reference is timed before and
    /// after, because the device may change meanwhile.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_beside(
        &mut self,
        child: &PreparedChild,
        runs: usize,
    ) -> Result<(Vec<Millis>, Vec<Millis>), Error> {
        self.time_beside_until(child, |made, _| made >= runs).await
    }

    /// The same until `is_enough`, which gets the number of runs and the time that they have taken.
    pub(super) async fn time_beside_until(
        &mut self,
        child: &PreparedChild,
        is_enough: impl Fn(usize, Duration) -> bool,
    ) -> Result<(Vec<Millis>, Vec<Millis>), Error> {
        self.refresh().await?;
        let first = self.batches.len() - 1;
        let (times, _) = self.slots.batch(child, is_enough).await?;
        self.refresh().await?;
        Ok((self.batches[first..].concat(), times))
    }

    /// Times a batch of a child's runs, the reference beside it.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_batch(&mut self, child: &PreparedChild, runs: usize, into: &mut Batches) -> Result<(), Error> {
        let (beside, runs) = self.time_beside(child, runs).await?;
        self.push(beside, runs, into);
        Ok(())
    }

    /// Adds a batch as it was run.
    pub(super) fn push(&self, beside: Vec<Millis>, runs: Vec<Millis>, into: &mut Batches) {
        if self.every().is_some() { into.push_rested(beside, runs) } else { into.push(beside, runs) }
    }

    fn timeline_of(&self, batches: &[Vec<Millis>]) -> Timeline {
        let runs = batches.iter().flatten().copied();
        if self.every().is_some() { Timeline::rested(runs) } else { Timeline::new(runs) }
    }

    /// The device was used otherwise: at a cadence, the next run begins a whole slot after now.
    pub fn rest(&mut self) {
        self.slots.rest();
    }

    /// The reference's undisturbed time in the last second or so, one batch of now among it: a steadier figure.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn recent(&mut self) -> Result<Millis, Error> {
        self.refresh().await?;
        let from = self.batches.len().saturating_sub(RECENT);
        Ok(median_calm(&self.batches[from..]))
    }

    /// The reference's usual undisturbed time: the median over all batches.
    pub fn usual(&self) -> Millis {
        median_calm(&self.batches)
    }

    /// All runs of the reference so far.
    pub fn timeline(&self) -> Timeline {
        self.timeline_of(&self.batches)
    }

    /// Whole batches of its runs from all of the time, at most so many runs: a device that is slow now and then is slow in
    /// some of them.
    pub fn spread_runs(&self, most: usize) -> Vec<Millis> {
        let (all, count) = (self.batches.iter().map(Vec::len).sum::<usize>().max(1), self.batches.len());
        let wanted = (count * most).div_ceil(all).clamp(1, count.max(1));
        let batches = (0..wanted.min(count)).map(|index| &self.batches[index * count / wanted]);
        batches.flatten().copied().take(most).collect()
    }

    /// Runs of the reference in a row from now on: for `time`, or for less where nothing interrupts them.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn listen(&mut self, time: Duration) -> Result<Timeline, Error> {
        let (time, part) = match self.every() {
            Some(every) => (stretched(time, every), PACED_QUIET_PART),
            None => (time, QUIET_PART),
        };
        let started = Instant::now();
        let first = self.batches.len();
        loop {
            self.time().await?;
            let timeline = self.timeline_of(&self.batches[first..]);
            let elapsed = started.elapsed();
            let is_quiet = timeline.share() >= QUIET_SHARE && elapsed >= time / part;
            if is_quiet || elapsed >= time {
                return Ok(timeline);
            }
        }
    }

    /// Times the reference again if its last time is too old.
    async fn refresh(&mut self) -> Result<(), Error> {
        if self.timed_at.elapsed().as_secs_f64() > REST * self.took.as_secs_f64() {
            self.time().await?;
        }
        Ok(())
    }

    /// Times the reference. Back to back the last batch says how many runs this one has. A batch that ends once its time is
    /// over mostly ends behind an interruption; it would have a third too many of those that come every 20 ms.
    async fn time(&mut self) -> Result<(), Error> {
        let size = if self.every().is_some() { PACED_BATCH } else { BATCH };
        let last = self.batches.last().filter(|_| self.every().is_none());
        let count = last.map(|batch| size.runs_of(calm(batch)));
        let is_enough =
            |runs, time| count.map_or_else(|| size.is_reached(runs, time), |count| size.has(count, runs, time));
        let (runs, took) = self.slots.batch(&self.reference, is_enough).await?;
        self.batches.push(runs);
        (self.timed_at, self.took) = (Instant::now(), took);
        Ok(())
    }
}

/// The time for as many runs as are enough at a cadence, where `time` is enough back to back.
fn stretched(time: Duration, every: Duration) -> Duration {
    (PACED_RUNS * every).clamp(time, PACED_TIMES * time)
}

fn calm(batch: &[Millis]) -> Millis {
    Timeline::new(batch.iter().copied()).calm()
}

fn median_calm(batches: &[Vec<Millis>]) -> Millis {
    Latency::of(&batches.iter().map(|batch| calm(batch)).collect::<Vec<_>>()).p50
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_stretched_for_enough_runs_and_never_for_long() {
        let half = |every| stretched(Duration::from_millis(500), Duration::from_millis(every)).as_millis();
        assert_eq!([1, 16, 33, 100, 1000, 60_000].map(half), [500, 500, 990, 2500, 2500, 2500]);
    }
}
