//! The distilled children join after a part of the training, as in DepS (ECCV 2024: better children for less work). Only the
//! delay is here: DepS then lets smaller and smaller children join, with a warm-up of the distillation.

use super::{Measurement, Plan};
use crate::train::TrainConfig;

/// Shares of the training after which they join.
const SHARES: [f64; 3] = [0.0, 0.25, 0.5];

pub(super) fn measurements(plan: &Plan, seed: u64) -> Vec<Measurement> {
    let of = |share: f64| {
        let mut training = plan.supernet(seed);
        let join_epochs = share * f64::from(plan.setting.epochs);
        training.config = TrainConfig { join_epochs, ..training.config };
        plan.of(&format!("join after {:.0} %", 100.0 * share), &training, &plan.children)
    };
    SHARES.into_iter().flat_map(of).collect()
}
