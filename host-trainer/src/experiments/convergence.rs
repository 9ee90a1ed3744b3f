//! Exponential decay with and without constant ending (BigNAS, convergence behaviour).
//!
//! The weights themselves are evaluated, not their running average: an average hides what the rate does at the end.

use super::{Measurement, Plan};
use crate::train::TrainConfig;

/// The paper's ending: 5 % of the first rate, at two thirds of the run.
const ENDING: f64 = 0.05;
const REACHED_AT: f64 = 2.0 / 3.0;

pub(super) fn measurements(plan: &Plan, seed: u64) -> Vec<Measurement> {
    let with = (ENDING, REACHED_AT);
    // The same fall, which goes on to the last step.
    let without = (ENDING.powf(1.0 / REACHED_AT), 1.0);
    let of = |(name, (constant_ending, decay_until)): (&str, (f64, f64))| {
        let mut training = plan.supernet(seed);
        training.config = TrainConfig { constant_ending, decay_until, average_decay: 0.0, ..training.config };
        plan.of(name, &training, &plan.ends())
    };
    [("constant ending", with), ("no constant ending", without)].into_iter().flat_map(of).collect()
}
