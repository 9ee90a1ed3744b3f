//! Weight decay and dropout on all children, or on the biggest only (BigNAS, regularisation).

use super::{Measurement, Plan};
use crate::train::{Regularise, TrainConfig};

/// The paper's dropout. Its weight decay is 1e-5; ours is the recipe's, because a short run needs more to show an effect.
const DROPOUT: f64 = 0.2;

pub(super) fn measurements(plan: &Plan, seed: u64) -> Vec<Measurement> {
    let of = |(name, regularise): (&str, Regularise)| {
        let mut training = plan.supernet(seed);
        training.config = TrainConfig { regularise, dropout: DROPOUT, ..training.config };
        plan.of(name, &training, &plan.ends())
    };
    [("biggest only", Regularise::Biggest), ("all children", Regularise::All)].into_iter().flat_map(of).collect()
}
