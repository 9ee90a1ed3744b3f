use super::{Runtime, RuntimeError};
use crate::engine::PreparedChild;
use crate::input::Image;
use crate::latency::{Batches, ChildTimes, DeviceProfile, Latency, Pace};
use crate::units::Millis;

/// About how long a child is timed before it is taken.
const TIME: Millis = Millis(400.0);
/// Fewest runs that say something of a p90, and most: more say little more.
const RUNS: [f64; 2] = [10.0, 200.0];
/// Batches of runs, each with the reference beside it.
const BATCHES: usize = 4;

/// Times children before they are taken: as an app would see them now, and at the profile's pace, to learn from.
pub(super) struct Check<'a> {
    runtime: &'a Runtime,
    profile: &'a DeviceProfile,
    image: Image<'a>,
    pace: Pace<'a>,
    learned: Vec<ChildTimes>,
}

impl<'a> Check<'a> {
    /// Takes a slot for measuring.
    pub(super) fn new(runtime: &'a Runtime, profile: &'a DeviceProfile) -> Result<Self, RuntimeError> {
        let image = runtime.stand_in()?;
        let pace = Pace::new(&runtime.supernet, image)?;
        Ok(Self { runtime, profile, image, pace, learned: Vec::new() })
    }

    /// What the reference takes now, over what it took while the device was profiled.
    pub(super) fn pace(&mut self) -> Result<f64, RuntimeError> {
        Ok(self.pace.now()?.0 / self.profile.reference_ms.0)
    }

    /// Times a child whole.
    pub(super) fn time(&mut self, child: &PreparedChild, predicted: Millis) -> Result<Latency, RuntimeError> {
        let supernet = &self.runtime.supernet;
        supernet.time_whole(child, &self.image, 0)?; // warm-up
        let mut batches = Batches::default();
        for _ in 0..BATCHES {
            let reference = self.pace.now()?;
            batches.push(
                reference,
                supernet.time_runs(child, &self.image, TIME.runs_of(predicted, RUNS).div_ceil(BATCHES))?,
            );
        }
        let usual = self.profile.reference_ms;
        self.learned.push(ChildTimes::new(None, child.child().clone(), predicted, &batches, usual));
        Ok(Latency::of(&batches.raw()))
    }

    /// The children that were timed, at the profile's pace.
    pub(super) fn learned(self) -> Vec<ChildTimes> {
        self.learned
    }
}
