use crate::engine::{EngineError, PreparedChild, Supernet};
use nestling_core::image::Image;
use nestling_core::latency::Batches;
use nestling_core::metrics::{Latency, Millis};
use std::time::{Duration, Instant};

/// A batch of the reference lasts at least so long.
const BATCH: Duration = Duration::from_millis(12);
/// The reference is timed again after so many times what it takes.
const REST: f64 = 3.0;
/// Batches that are recent.
const FEW: usize = 5;

/// How fast the device is at this moment, by a reference child that is timed again and again: the smallest, for it is the
/// cheapest.
///
/// Clocks, heat and other programs change a device's speed from second to second. Times that are compared, or fitted
/// together, are first brought to one pace.
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
    pub fn new(supernet: &'a Supernet, image: Image<'a>) -> Result<Self, EngineError> {
        let network = supernet.space().lower(&supernet.space().smallest())?;
        let reference = supernet.prepare_to_time(&network)?;
        supernet.time_whole(&reference, &image, 0)?;
        let mut pace =
            Self { supernet, image, reference, batches: Vec::new(), timed_at: Instant::now(), took: Duration::ZERO };
        pace.time()?;
        Ok(pace)
    }

    /// The reference's time about now.
    pub fn now(&mut self) -> Result<Millis, EngineError> {
        if self.timed_at.elapsed().as_secs_f64() > REST * self.took.as_secs_f64() {
            self.time()?;
        }
        Ok(self.batches.last().copied().unwrap_or_default())
    }

    /// Runs something, and says what the reference takes beside it: before and after, for the device may change meanwhile.
    pub fn beside<T, E: From<EngineError>>(&mut self, run: impl FnOnce() -> Result<T, E>) -> Result<(Millis, T), E> {
        let before = self.now()?;
        let result = run()?;
        let after = self.now()?;
        Ok((Millis((before.0 * after.0).sqrt()), result))
    }

    /// Times a batch of a child's runs, the reference beside it.
    pub fn time_batch(&mut self, child: &PreparedChild, runs: usize, into: &mut Batches) -> Result<(), EngineError> {
        let (supernet, image) = (self.supernet, self.image);
        let (reference, runs) = self.beside(|| supernet.time_runs(child, &image, runs))?;
        into.push(reference, runs);
        Ok(())
    }

    /// The reference's time in the last second or so, one batch of now among it: a steadier figure.
    pub fn lately(&mut self) -> Result<Millis, EngineError> {
        self.now()?;
        let from = self.batches.len().saturating_sub(FEW);
        Ok(Latency::of(&self.batches[from..]).p50)
    }

    fn time(&mut self) -> Result<(), EngineError> {
        let started = Instant::now();
        let mut runs = Vec::new();
        while runs.is_empty() || started.elapsed() < BATCH {
            runs.extend(self.supernet.time_runs(&self.reference, &self.image, 1)?);
        }
        self.batches.push(Latency::of(&runs).p50);
        (self.timed_at, self.took) = (Instant::now(), started.elapsed());
        Ok(())
    }

    /// The reference's usual time: the median over all batches.
    pub fn usual(&self) -> Millis {
        Latency::of(&self.batches).p50
    }
}
