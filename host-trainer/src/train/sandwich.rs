//! One step of BigNAS training, in the order of the paper.

use super::{TrainConfig, generator, purpose};
use crate::model::{ImageSizes, Norm, Parameters, forward};
use nestling_core::space::{Network, SearchSpace, SpaceError};
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
    pub keep: Option<Tensor>,
}

/// What the step needs to know of the recipe.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Label smoothing of the biggest child.
    pub label_smoothing: f64,
    /// What each gradient is multiplied by: this worker's share of the whole batch.
    pub share: f64,
}

/// The loss of one child in one step: cross entropy for the biggest, KL divergence from the biggest for the others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChildLoss {
    /// Mean over this worker's images.
    pub loss: f64,
}

/// The children of a step: the biggest first, then random ones, the smallest last (BigNAS, sandwich rule).
///
/// # Errors
/// [`SpaceError`] if the space is malformed.
pub fn step_children(space: &SearchSpace, seed: u64, step: u64, random: u32) -> Result<Vec<Network>, SpaceError> {
    let mut draw = generator(seed, purpose::CHILDREN, step);
    let mut children = vec![space.biggest()];
    children.extend((0..random).map(|_| space.sample(&mut draw)));
    children.push(space.smallest());
    children.iter().map(|child| space.lower(child)).collect()
}

/// Adds the gradients of all `children` to `parameters`; the caller updates once afterwards.
///
/// * Sandwich rule: the biggest, the smallest and random children, gradients summed before one update.
/// * Inplace distillation: only the biggest child sees the labels; the others learn its soft labels of this very step.
/// * Batch norm uses this batch's statistics of each child; no running ones are kept.
/// * Regularisation (dropout here, weight decay in the optimiser): only the biggest child.
/// * Each child has its own input resolution and sees the same images.
pub fn sandwich_step(
    parameters: &Parameters,
    children: &[Network],
    sizes: &ImageSizes,
    batch: &Batch,
    rules: Rules,
) -> Vec<ChildLoss> {
    let mut soft_labels: Option<(Tensor, f64)> = None;
    let mut losses = Vec::with_capacity(children.len());
    for network in children {
        let images = sizes.resize(&batch.images, network.child.resolution);
        let (loss, entropy) = match &soft_labels {
            None => {
                let logits = forward(network, parameters, &images, Norm::Batch, batch.keep.as_ref());
                let labels = logits.detach().softmax(-1, Kind::Float);
                let entropy = -(&labels * labels.clamp_min(1e-12).log()).sum(Kind::Float) / labels.size()[0] as f64;
                soft_labels = Some((labels, entropy.double_value(&[])));
                let smoothing = rules.label_smoothing;
                (logits.cross_entropy_loss(&batch.classes, None::<&Tensor>, Reduction::Mean, -100, smoothing), 0.0)
            }
            Some((labels, entropy)) => {
                let logits = forward(network, parameters, &images, Norm::Batch, None);
                let cross_entropy = -(labels * logits.log_softmax(-1, Kind::Float)).sum(Kind::Float);
                (cross_entropy / labels.size()[0] as f64, *entropy)
            }
        };
        (&loss * rules.share).backward();
        losses.push(ChildLoss { loss: loss.double_value(&[]) - entropy });
    }
    losses
}

/// The dropout mask of `count` images for a classifier input of `width` channels; `None` without dropout.
pub(super) fn dropout_mask(config: &TrainConfig, step: u64, worker: u64, count: usize, width: u32) -> Option<Tensor> {
    if config.dropout == 0.0 {
        return None;
    }
    let mut random = generator(config.seed, purpose::DROPOUT, step * 256 + worker);
    let survival = 1.0 - config.dropout;
    let values: Vec<f32> = (0..count * width as usize)
        .map(|_| if random.random_bool(survival) { (1.0 / survival) as f32 } else { 0.0 })
        .collect();
    Some(Tensor::from_slice(&values).view([count as i64, i64::from(width)]))
}
