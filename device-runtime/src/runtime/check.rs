use super::{Runtime, RuntimeError};
use crate::engine::{PreparedChild, Supernet};
use crate::input::Image;
use crate::latency::{Batches, DeviceProfile, Latency, Pace};
use crate::space::Child;
use crate::units::Millis;

/// About how long a child is timed before it is taken.
const TIME: Millis = Millis(400.0);
/// Fewest runs that say something of a p90, and most: more say little more.
const RUNS: [f64; 2] = [10.0, 200.0];
/// Batches of runs, each with the reference beside it.
const BATCHES: usize = 4;

/// Times children before they are taken: as an app would see them now, and at the profile's pace, to learn from.
pub(super) struct Check<'a> {
    supernet: &'a Supernet,
    profile: &'a DeviceProfile,
    image: Image<'a>,
    pace: Pace<'a>,
    timed: Vec<(Child, Batches)>,
}

impl<'a> Check<'a> {
    /// Takes a slot for measuring.
    pub(super) fn new(runtime: &'a Runtime, profile: &'a DeviceProfile) -> Result<Self, RuntimeError> {
        let image = runtime.stand_in()?;
        let pace = Pace::new(&runtime.supernet, image)?;
        Ok(Self { supernet: &runtime.supernet, profile, image, pace, timed: Vec::new() })
    }

    /// What the reference takes now, over what it took while the device was profiled.
    pub(super) fn pace(&mut self) -> Result<f64, RuntimeError> {
        Ok(self.pace.now()?.0 / self.profile.reference_ms.0)
    }

    /// Times a child whole; the answer is of all runs that this check has made of it.
    pub(super) fn time(&mut self, child: &PreparedChild, predicted: Millis) -> Result<Latency, RuntimeError> {
        self.supernet.infer(child, &self.image)?; // warm-up
        let index = match self.timed.iter().position(|(timed, _)| timed == child.child()) {
            Some(index) => index,
            None => {
                self.timed.push((child.child().clone(), Batches::default()));
                self.timed.len() - 1
            }
        };
        let batches = &mut self.timed[index].1;
        for _ in 0..BATCHES {
            self.pace.time_batch(child, TIME.runs_of(predicted, RUNS).div_ceil(BATCHES), batches)?;
        }
        Ok(Latency::of(&batches.raw()))
    }

    /// The children that were timed, and their runs.
    pub(super) fn timed(self) -> Vec<(Child, Batches)> {
        self.timed
    }
}
