use crate::Error;
use crate::engine::{PreparedChild, Supernet};
use crate::profiling::DriftMeter;
use nestling_bundle::DeviceProfile;
use nestling_core::image::Image;
use nestling_core::latency::{Batches, Moment};
use nestling_core::metrics::Millis;
use nestling_core::space::Child;
use std::time::Duration;

/// How long the reference runs before a choice, unless the device is quiet: some periods of what interrupts it.
const LISTEN: Duration = Duration::from_millis(500);
/// About how long a child is timed before it is taken.
const TIME: Millis = Millis(400.0);
/// The least number of runs for a p90, and the largest: more add little.
const RUNS: [f64; 2] = [10.0, 200.0];
/// Batches of runs, each with the reference beside it.
const BATCHES: usize = 4;

/// Times children before they are taken: as an app would see them now, at the profile's cadence, and corrected for drift,
/// to learn from.
pub struct ChoiceTimer<'a> {
    supernet: &'a Supernet,
    profile: &'a DeviceProfile,
    image: Image<'a>,
    drift: DriftMeter<'a>,
    timed: Vec<(Child, Batches)>,
}

impl<'a> ChoiceTimer<'a> {
    /// Takes a slot for measuring.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn new(supernet: &'a Supernet, image: Image<'a>, profile: &'a DeviceProfile) -> Result<Self, Error> {
        let drift = DriftMeter::paced(supernet, image, profile.cadence()).await?;
        Ok(Self { supernet, profile, image, drift, timed: Vec::new() })
    }

    /// The speed of the device now, beside that while it was profiled.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn moment(&mut self) -> Result<Moment, Error> {
        Ok(Moment::new(self.drift.listen(LISTEN).await?, self.profile.reference_ms))
    }

    /// Times a child whole; returns the runs.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn time(&mut self, child: &PreparedChild, predicted: Millis) -> Result<Vec<Millis>, Error> {
        self.supernet.infer_async(child, &self.image).await?; // warm-up
        self.drift.rest();
        let mut batches = Batches::default();
        for _ in 0..BATCHES {
            let runs = self.drift.runs_in(TIME, predicted, RUNS).div_ceil(BATCHES);
            self.drift.time_batch(child, runs, &mut batches).await?;
        }
        let runs = batches.raw();
        match self.timed.iter_mut().find(|(timed, _)| timed == child.child()) {
            Some((_, earlier)) => earlier.append(batches),
            None => self.timed.push((child.child().clone(), batches)),
        }
        Ok(runs)
    }

    /// The children that were timed, and their runs.
    pub fn timed(self) -> Vec<(Child, Batches)> {
        self.timed
    }
}
