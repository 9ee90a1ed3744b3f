use crate::Error;
use crate::engine::{PreparedChild, Supernet};
use nestling_core::image::Image;
use nestling_core::latency::{Batches, Timeline};
use nestling_core::metrics::{Latency, Millis};
use std::time::Duration;
use web_time::Instant;

/// The least duration of a batch of the reference.
const BATCH: Duration = Duration::from_millis(12);
/// Its least number of runs, except for a reference that takes longer than [`MOST`] for them.
const RUNS: usize = 8;
const MOST: Duration = Duration::from_millis(100);
/// The reference is timed again after this multiple of its own duration.
const REST: f64 = 3.0;
/// A device of which at least this share is ours is quiet: a part of the time to listen is enough.
const QUIET_SHARE: f64 = 0.95;
const QUIET_PART: u32 = 5;
/// Batches that are recent.
const RECENT: usize = 5;

/// The current speed, by a reference child that is timed again and again: the smallest, because it is the
/// cheapest.
///
/// Clocks, heat and other programs change a device's speed from second to second. Times that are compared, or fitted
/// together, are first corrected for that drift. Its speed is that of its undisturbed runs; what interrupts the others is
/// in its [`Timeline`].
pub struct DriftMeter<'a> {
    supernet: &'a Supernet,
    image: Image<'a>,
    reference: PreparedChild,
    batches: Vec<Vec<Millis>>,
    timed_at: Instant,
    took: Duration,
}

impl<'a> DriftMeter<'a> {
    /// Takes a slot for the reference, and warms it up.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn new(supernet: &'a Supernet, image: Image<'a>) -> Result<Self, Error> {
        let network = supernet.space().lower(&supernet.space().smallest())?;
        let reference = supernet.prepare_to_time(&network).await?;
        supernet.time_whole_async(&reference, &image, 0).await?;
        let (timed_at, took) = (Instant::now(), Duration::ZERO);
        let mut meter = Self { supernet, image, reference, batches: Vec::new(), timed_at, took };
        meter.time().await?;
        Ok(meter)
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
        self.refresh().await?;
        let first = self.batches.len() - 1;
        let times = self.supernet.time_runs(child, &self.image, runs).await?;
        self.refresh().await?;
        Ok((self.batches[first..].concat(), times))
    }

    /// Times a batch of a child's runs, the reference beside it.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_batch(&mut self, child: &PreparedChild, runs: usize, into: &mut Batches) -> Result<(), Error> {
        let (beside, runs) = self.time_beside(child, runs).await?;
        into.push(beside, runs);
        Ok(())
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
        Timeline::new(self.batches.iter().flatten().copied())
    }

    /// Its last runs, at most so many.
    pub fn last_runs(&self, most: usize) -> Vec<Millis> {
        let all: Vec<Millis> = self.batches.iter().flatten().copied().collect();
        all[all.len().saturating_sub(most)..].to_vec()
    }

    /// Runs of the reference in a row from now on: for `time`, or for less where nothing interrupts them.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn listen(&mut self, time: Duration) -> Result<Timeline, Error> {
        let started = Instant::now();
        let first = self.batches.len();
        loop {
            self.time().await?;
            let timeline = Timeline::new(self.batches[first..].iter().flatten().copied());
            let elapsed = started.elapsed();
            let is_quiet = timeline.share() >= QUIET_SHARE && elapsed >= time / QUIET_PART;
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

    async fn time(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        let mut runs = Vec::new();
        let is_enough = |runs: usize, elapsed: Duration| elapsed >= BATCH && (runs >= RUNS || elapsed >= MOST);
        while runs.is_empty() || !is_enough(runs.len(), started.elapsed()) {
            runs.extend(self.supernet.time_runs(&self.reference, &self.image, 1).await?);
        }
        self.batches.push(runs);
        (self.timed_at, self.took) = (Instant::now(), started.elapsed());
        Ok(())
    }
}

fn calm(batch: &[Millis]) -> Millis {
    Timeline::new(batch.iter().copied()).calm()
}

fn median_calm(batches: &[Vec<Millis>]) -> Millis {
    Latency::of(&batches.iter().map(|batch| calm(batch)).collect::<Vec<_>>()).p50
}
