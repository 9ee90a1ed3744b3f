//! Sliced children beside the same networks trained alone (BigNAS, table of training from scratch).
//!
//! * Alone: from labels. Also with the weights of its best epoch by validation images, because a small network of few
//!   images may be over-trained before the supernet is trained.
//! * Distillation A: from the answers of a biggest child that was trained alone before.
//! * Distillation B: inplace, beside the biggest child, with shared weights.

use super::{Measurement, NamedChild, Plan, Training};
use crate::train::TrainConfig;

pub(super) const SLICED: &str = "sliced";
pub(super) const ALONE: &str = "alone";
const BEST: &str = "alone at its best epoch";
const TAUGHT: &str = "distillation A";
const INPLACE: &str = "distillation B";

pub(super) fn measurements(plan: &Plan, seed: u64) -> Vec<Measurement> {
    let mut all = plan.of(SLICED, &plan.supernet(seed), &plan.children);
    let biggest = plan.space.biggest();
    let teacher = trained_alone(plan, seed, &NamedChild { name: "biggest".to_owned(), child: biggest.clone() });
    for child in &plan.children {
        all.extend(plan.of(ALONE, &trained_alone(plan, seed, child), [child]));
        let mut best = trained_alone(plan, seed, child);
        best.config.patience = PATIENCE;
        all.extend(plan.of(BEST, &best, [child]));
        let mut taught = trained_alone(plan, seed, child);
        taught.name = format!("taught-{}", child.name);
        taught.teacher = Some(Box::new((teacher.clone(), biggest.clone())));
        all.extend(plan.of(TAUGHT, &taught, [child]));
        if child.child == biggest {
            // Beside itself there is nobody to learn from.
            continue;
        }
        let config = TrainConfig { step_children: vec![child.child.clone()], ..plan.setting.config(seed) };
        let inplace = Training::new(&format!("inplace-{}", child.name), config);
        all.extend(plan.of(INPLACE, &inplace, [child]));
    }
    all
}

/// Epochs without a better one that end a training that keeps its best.
const PATIENCE: u32 = 10;

/// The training of one child alone, with as many epochs as the supernet.
pub(super) fn trained_alone(plan: &Plan, seed: u64, child: &NamedChild) -> Training {
    let config = TrainConfig { only: Some(child.child.clone()), ..plan.setting.config(seed) };
    Training::new(&format!("alone-{}", child.name), config)
}
