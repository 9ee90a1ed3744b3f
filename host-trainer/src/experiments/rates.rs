//! The networks trained alone at other rates, so that they are not beaten by a rate that suits the supernet only. A step of
//! the supernet adds up four gradients.

use super::from_scratch::trained_alone;
use super::{Measurement, Plan};
use crate::train::TrainConfig;

/// Each with its factor of the recipe's rate.
const RATES: [(&str, f64); 4] =
    [("the recipe's rate", 1.0), ("half the rate", 0.5), ("twice the rate", 2.0), ("four times the rate", 4.0)];

pub(super) fn measurements(plan: &Plan, seed: u64) -> Vec<Measurement> {
    let of = |(name, factor): (&str, f64)| {
        let of_child = move |child| {
            let mut training = trained_alone(plan, seed, child);
            let learning_rate = factor * training.config.learning_rate;
            training.config = TrainConfig { learning_rate, ..training.config };
            plan.of(name, &training, [child])
        };
        plan.children.iter().flat_map(of_child).collect::<Vec<_>>()
    };
    RATES.into_iter().flat_map(of).collect()
}
