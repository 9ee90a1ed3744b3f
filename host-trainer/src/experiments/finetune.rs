//! Sliced children, and the same after fine-tuning at three rates (BigNAS, table of fine-tuning).

use super::from_scratch::{SLICED, trained_alone};
use super::{Measurement, Plan, Start};
use crate::train::TrainConfig;

/// The paper's rates.
const RATES: [f64; 3] = [0.01, 0.001, 0.0001];

/// Passes of a fine-tuning over those of the supernet.
const SHARE: f64 = 0.25;

pub(super) fn measurements(plan: &Plan, seed: u64) -> Vec<Measurement> {
    let supernet = plan.supernet(seed);
    let mut all = plan.of(SLICED, &supernet, &plan.children);
    let epochs = (f64::from(plan.setting.epochs) * SHARE).ceil() as u32;
    for rate in RATES {
        for child in &plan.children {
            let mut training = trained_alone(plan, seed, child);
            training.name = format!("finetuned-{}", child.name);
            let config = plan.setting.lasting(training.config, epochs);
            training.config = TrainConfig { learning_rate: rate, warmup_epochs: 0.0, ..config };
            training.start = Start::Trained(Box::new(supernet.clone()));
            all.extend(plan.of(&format!("fine-tuned at {rate}"), &training, [child]));
        }
    }
    all
}
