use crate::Error;
use crate::engine::{PreparedChild, Supernet};
use nestling_core::image::Image;
use nestling_core::latency::Batches;
use nestling_core::metrics::{Latency, Millis};
use std::time::Duration;
use web_time::Instant;

/// The least duration of a batch of the reference.
const BATCH: Duration = Duration::from_millis(12);
/// The reference is timed again after this multiple of its own duration.
const REST: f64 = 3.0;
/// Batches that are recent.
const RECENT: usize = 5;

/// The current speed, by a reference child that is timed again and again: the smallest, because it is the
/// cheapest.
///
/// Clocks, heat and other programs change a device's speed from second to second. Times that are compared, or fitted
/// together, are first corrected for that drift.
pub struct DriftMeter<'a> {
    supernet: &'a Supernet,
    image: Image<'a>,
    reference: PreparedChild,
    batches: Vec<Millis>,
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

    /// The reference's time about now.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn now(&mut self) -> Result<Millis, Error> {
        if self.timed_at.elapsed().as_secs_f64() > REST * self.took.as_secs_f64() {
            self.time().await?;
        }
        Ok(self.batches.last().copied().unwrap_or_default())
    }

    /// Runs a child some times; returns the reference's time beside them, and theirs. The reference is timed before and
    /// after, because the device may change meanwhile.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_beside(&mut self, child: &PreparedChild, runs: usize) -> Result<(Millis, Vec<Millis>), Error> {
        let before = self.now().await?;
        let times = self.supernet.time_runs(child, &self.image, runs).await?;
        let after = self.now().await?;
        Ok((Millis((before.0 * after.0).sqrt()), times))
    }

    /// Times a batch of a child's runs, the reference beside it.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time_batch(&mut self, child: &PreparedChild, runs: usize, into: &mut Batches) -> Result<(), Error> {
        let (reference, runs) = self.time_beside(child, runs).await?;
        into.push(reference, runs);
        Ok(())
    }

    /// The reference's time in the last second or so, one batch of now among it: a steadier figure.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn recent(&mut self) -> Result<Millis, Error> {
        self.now().await?;
        let from = self.batches.len().saturating_sub(RECENT);
        Ok(Latency::of(&self.batches[from..]).p50)
    }

    /// The reference's usual time: the median over all batches.
    pub fn usual(&self) -> Millis {
        Latency::of(&self.batches).p50
    }

    async fn time(&mut self) -> Result<(), Error> {
        let started = Instant::now();
        let mut runs = Vec::new();
        while runs.is_empty() || started.elapsed() < BATCH {
            runs.extend(self.supernet.time_runs(&self.reference, &self.image, 1).await?);
        }
        self.batches.push(Latency::of(&runs).p50);
        (self.timed_at, self.took) = (Instant::now(), started.elapsed());
        Ok(())
    }
}
