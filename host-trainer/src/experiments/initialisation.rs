//! Gamma 0 at the end of each block or not, at the full rate and at 30 % of it (BigNAS, initialisation).

use super::{Measurement, Plan};
use crate::train::TrainConfig;

/// The share to which the paper lowered the rate before it had this initialisation.
const LOWER_RATE: f64 = 0.3;

pub(super) fn measurements(plan: &Plan, seed: u64) -> Vec<Measurement> {
    let variants = [(true, 1.0), (true, LOWER_RATE), (false, 1.0), (false, LOWER_RATE)];
    let of = |(zero_gamma, share): (bool, f64)| {
        let mut training = plan.supernet(seed);
        let learning_rate = training.config.learning_rate * share;
        training.config = TrainConfig { zero_gamma, learning_rate, ..training.config };
        let gamma = if zero_gamma { "gamma 0" } else { "gamma 1" };
        // No comma: `--variants` is a list.
        let rate = if share == 1.0 { "full rate" } else { "30 % of the rate" };
        plan.of(&format!("{gamma} at {rate}"), &training, &plan.ends())
    };
    variants.into_iter().flat_map(of).collect()
}
