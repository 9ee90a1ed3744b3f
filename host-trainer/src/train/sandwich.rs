//! One step of BigNAS training, in the order of the paper.

use super::TrainConfig;
use crate::model::{Norm, Parameters, Resizer, forward};
use crate::random::{Purpose, generator};
use nestling_core::space::{Network, SpaceError, ValidatedSpace};
use rand::RngExt;
use tch::{Kind, Reduction, Tensor};

/// The images of one step, at their own size, with their classes.
#[derive(Debug)]
pub struct Batch {
    /// `[count, 1, side, side]`, 0 to 255.
    pub images: Tensor,
    /// `[count]`, 64-bit.
    pub classes: Tensor,
    /// Dropout mask of the biggest child's classifier input, `[count, head width]`.
    pub dropout: Option<Tensor>,
}

/// Options of one step.
#[derive(Clone, Copy, Debug)]
pub struct StepOptions {
    /// Label smoothing of the biggest child.
    pub label_smoothing: f64,
    /// Factor of each gradient: this worker's share of the whole batch.
    pub share: f64,
}

/// The children of a step: the biggest first, then random ones, the smallest last (BigNAS, sandwich rule).
///
/// # Errors
/// [`SpaceError`] as [`ValidatedSpace::lower`].
pub fn step_children(space: &ValidatedSpace, seed: u64, step: u64, random: u32) -> Result<Vec<Network>, SpaceError> {
    let mut draw = generator(seed, Purpose::Children, step);
    let mut children = vec![space.biggest()];
    children.extend((0..random).map(|_| space.sample(&mut draw)));
    children.push(space.smallest());
    children.iter().map(|child| space.lower(child)).collect()
}

/// Adds the gradients of all `children` to `parameters`; the caller updates the weights once afterwards.
///
/// Returns the loss of each child: cross entropy for the first and biggest, KL divergence from it for the others.
pub fn sandwich_step(
    parameters: &Parameters,
    children: &[Network],
    resizer: &Resizer,
    batch: &Batch,
    options: StepOptions,
) -> Vec<f64> {
    let [biggest, others @ ..] = children else { return Vec::new() };
    // Every child sees the same images at its own resolution, normalised by the statistics of this batch.
    let logits_of = |network: &Network, dropout: Option<&Tensor>| {
        let images = resizer.resize(&batch.images, network.child.resolution);
        forward(network, parameters, &images, Norm::Batch, dropout)
    };

    // The biggest child alone learns the labels, and it alone is regularised: by label smoothing and dropout here, by
    // weight decay in the optimiser.
    let logits = logits_of(biggest, batch.dropout.as_ref());
    let smoothing = options.label_smoothing;
    let loss = logits.cross_entropy_loss(&batch.classes, None::<&Tensor>, Reduction::Mean, -100, smoothing);
    (&loss * options.share).backward();
    let mut losses = vec![loss.double_value(&[])];

    // Inplace distillation: its answers in this very step are the soft labels of all other children.
    let soft_labels = logits.detach().softmax(-1, Kind::Float);
    let count = soft_labels.size()[0] as f64;
    let entropy = -(&soft_labels * soft_labels.clamp_min(1e-12).log()).sum(Kind::Float) / count;
    let entropy = entropy.double_value(&[]);

    // Sandwich rule: random children and the smallest follow, and all gradients add up before one update.
    for network in others {
        let log_probabilities = logits_of(network, None).log_softmax(-1, Kind::Float);
        let cross_entropy = -(&soft_labels * log_probabilities).sum(Kind::Float) / count;
        (&cross_entropy * options.share).backward();
        losses.push(cross_entropy.double_value(&[]) - entropy);
    }
    losses
}

/// The dropout mask of `count` images for a classifier input of `width` channels; `None` without dropout.
pub(super) fn dropout_mask(config: &TrainConfig, step: u64, worker: u64, count: usize, width: u32) -> Option<Tensor> {
    if config.dropout == 0.0 {
        return None;
    }
    let mut random = generator(config.seed, Purpose::Dropout, step * 256 + worker);
    let survival = 1.0 - config.dropout;
    let values: Vec<f32> = (0..count * width as usize)
        .map(|_| if random.random_bool(survival) { (1.0 / survival) as f32 } else { 0.0 })
        .collect();
    Some(Tensor::from_slice(&values).view([count as i64, i64::from(width)]))
}
