//! One step of BigNAS training, in the order of the paper.

use super::{Distillation, Regularise, TrainConfig};
use crate::model::{Norm, Parameters, Recomputed, Regularisation, Resizer, forward, layer_output, values_of};
use crate::random::{Purpose, generator};
use nestling_core::space::{Network, SpaceError, ValidatedSpace};
use rand::RngExt;
use tch::{Kind, Reduction, Tensor, no_grad};

/// The images of one step, at their own size, with their classes.
#[derive(Debug)]
pub struct Batch {
    /// `[count, channels, side, side]`, 0 to 255.
    pub images: Tensor,
    /// `[count]`, 64-bit.
    pub classes: Tensor,
    /// For images that are mixed with others: those others' classes, and what an image keeps of itself.
    pub partners: Option<(Tensor, f64)>,
    /// Dropout and stochastic depth of the biggest child.
    pub regularisation: Regularisation,
}

/// Options of one step.
#[derive(Clone, Copy, Debug)]
pub struct StepOptions<'a> {
    /// Label smoothing of the biggest child.
    pub label_smoothing: f64,
    /// The weight of each class in the biggest child's loss; all are 1 if not given.
    pub class_weights: Option<&'a Tensor>,
    /// The loss of the other children.
    pub distillation: Distillation,
    /// Factor of each gradient: this worker's share of the whole batch.
    pub share: f64,
    /// The kind that convolutions compute in: [`Precision::kind`](super::Precision::kind).
    pub kind: Kind,
    /// The children that are regularised.
    pub regularise: Regularise,
    /// L2 on the weights of each child beside the biggest, where all are regularised. The optimiser adds that of the
    /// biggest.
    pub child_decay: f64,
    /// Whether the biggest child computes activations again: [`TrainConfig::recompute`].
    pub recompute: bool,
}

impl Default for StepOptions<'_> {
    /// The whole batch, as BigNAS has it, without smoothing, in f32.
    fn default() -> Self {
        let distillation = Distillation::default();
        let regularise = Regularise::default();
        let (label_smoothing, class_weights, child_decay) = (0.0, None, 0.0);
        let (share, kind, recompute) = (1.0, Kind::Float, false);
        Self { label_smoothing, class_weights, distillation, share, kind, regularise, child_decay, recompute }
    }
}

/// The children of a step: the biggest first, then random ones, the smallest last (BigNAS, sandwich rule).
///
/// # Errors
/// [`SpaceError`] as [`ValidatedSpace::lower`].
pub fn step_children(space: &ValidatedSpace, seed: u64, step: u64, random: u32) -> Result<Vec<Network>, SpaceError> {
    let mut draw = generator(seed, Purpose::Children, step);
    let mut children = vec![space.biggest()];
    // A space of one child: a network that is trained alone.
    if space.smallest() != children[0] {
        children.extend((0..random).map(|_| space.sample(&mut draw)));
        children.push(space.smallest());
    }
    children.iter().map(|child| space.lower(child)).collect()
}

/// Adds the gradients of all `children` to `parameters`; the caller updates the weights once afterwards.
///
/// Returns the loss of each child: cross entropy for the first and biggest, KL divergence from it for the others. They
/// are read once, after the last child, so that the host never makes a GPU wait within the step.
pub fn sandwich_step(
    parameters: &Parameters,
    children: &[Network],
    resizer: &Resizer,
    batch: &Batch,
    options: StepOptions<'_>,
) -> Vec<f64> {
    let [biggest, others @ ..] = children else { return Vec::new() };

    // The biggest child alone learns the labels. It alone is regularised, unless asked otherwise: by label smoothing,
    // dropout and stochastic depth here, by weight decay in the optimiser.
    let of_step = OfStep { parameters, resizer, images: &batch.images, options };
    let (logits, loss) =
        of_step.add_gradient(biggest, Some(&batch.regularisation), |logits| cross_entropy(logits, batch, options));
    let mut losses = vec![loss];

    // Inplace distillation: its answers in this very step are the soft labels of all other children.
    let soft_labels = logits.softmax(-1, Kind::Float);

    // Sandwich rule: random children and the smallest follow, and all gradients add up before one update.
    for network in others {
        let (regularisation, decay) = match options.regularise {
            Regularise::Biggest => (None, None),
            Regularise::All => (Some(of_child(&batch.regularisation, network)), Some(decay(network, parameters))),
        };
        let (logits, _) = of_step.add_gradient(network, regularisation.as_ref(), |logits| {
            let loss = options.distillation.loss(&soft_labels, logits);
            match &decay {
                Some(decay) => loss + decay * options.child_decay,
                None => loss,
            }
        });
        losses.push(divergence(&soft_labels, &logits));
    }
    let mut losses = values_of(&Tensor::stack(&losses, 0)).into_iter().map(f64::from).collect::<Vec<_>>();
    losses[1..].iter_mut().for_each(|sum| *sum /= soft_labels.size()[0] as f64);
    losses
}

/// All children of a step see the same images.
struct OfStep<'a> {
    parameters: &'a Parameters,
    resizer: &'a Resizer,
    images: &'a Tensor,
    options: StepOptions<'a>,
}

impl OfStep<'_> {
    /// Adds the gradient of a child's loss; returns its logits and the loss, without autograd.
    ///
    /// Every child sees the images at its own resolution, normalised by the statistics of this batch.
    fn add_gradient(
        &self,
        network: &Network,
        regularisation: Option<&Regularisation>,
        loss_of: impl FnOnce(&Tensor) -> Tensor,
    ) -> (Tensor, Tensor) {
        let Self { parameters, resizer, images, options } = *self;
        let images = resizer.resize(images, network.child.resolution).to_kind(options.kind);
        if options.recompute {
            let kept = Recomputed::forward(network, parameters, &images, regularisation);
            let loss = loss_of(kept.logits());
            (&loss * options.share).backward();
            return (kept.backward(), loss.detach());
        }
        let logits = forward(network, parameters, &images, Norm::Batch, regularisation);
        let loss = loss_of(&logits);
        (&loss * options.share).backward();
        (logits.detach(), loss.detach())
    }
}

/// Adds the gradient of the classifier alone, from the features of the biggest child: the rest of the network is not
/// trained. Returns the loss.
pub fn head_step(
    parameters: &Parameters,
    biggest: &Network,
    resizer: &Resizer,
    batch: &Batch,
    options: StepOptions<'_>,
) -> Vec<f64> {
    let mut body = biggest.clone();
    let Some(classifier) = body.layers.pop() else { return Vec::new() };
    let features = no_grad(|| {
        let images = resizer.resize(&batch.images, biggest.child.resolution).to_kind(options.kind);
        forward(&body, parameters, &images, Norm::Batch, None)
    });
    let features = features.unsqueeze(-1).unsqueeze(-1);
    let logits = layer_output(&classifier, parameters, &features, None).flatten(1, -1);
    let loss = cross_entropy(&logits, batch, options);
    (&loss * options.share).backward();
    vec![loss.double_value(&[])]
}

/// The loss of logits against the classes of the images, and of those that they are mixed with.
pub(super) fn cross_entropy(logits: &Tensor, batch: &Batch, options: StepOptions<'_>) -> Tensor {
    let of = |classes: &Tensor| {
        let smoothing = options.label_smoothing;
        logits.cross_entropy_loss(classes, options.class_weights, Reduction::Mean, -100, smoothing)
    };
    match &batch.partners {
        None => of(&batch.classes),
        Some((others, share)) => of(&batch.classes) * *share + of(others) * (1.0 - share),
    }
}

/// Dropout of a child: the mask of the biggest, as far as its features go.
fn of_child(biggest: &Regularisation, network: &Network) -> Regularisation {
    let width = i64::from(network.classifier_inputs());
    let dropout = biggest.dropout.as_ref().map(|mask| mask.narrow(1, 0, width));
    Regularisation { dropout, depth: Vec::new() }
}

/// Half the sum of squares of the weights that a child reads, without batch norm and bias.
fn decay(network: &Network, parameters: &Parameters) -> Tensor {
    let weights = network.layers.iter().filter(|layer| layer.convolution.is_some());
    let squares: Vec<Tensor> = weights.map(|layer| parameters.weight(layer).square().sum(Kind::Float)).collect();
    Tensor::stack(&squares, 0).sum(Kind::Float) * 0.5
}

/// KL divergence of a child's answers from the soft labels, summed over the images, as a scalar on their device.
pub(super) fn divergence(soft_labels: &Tensor, logits: &Tensor) -> Tensor {
    let ratio = soft_labels.clamp_min(1e-12).log() - logits.log_softmax(-1, Kind::Float);
    (soft_labels * ratio).sum(Kind::Float)
}

/// Dropout and stochastic depth of the biggest child for `count` images at a place of the run.
pub(super) fn regularisation(config: &TrainConfig, place: u64, biggest: &Network, count: usize) -> Regularisation {
    let mask = |random: &mut dyn FnMut(f64) -> bool, survival: f64, width: usize| {
        let value = |_| if random(survival) { (1.0 / survival) as f32 } else { 0.0 };
        Tensor::from_slice(&(0..count * width).map(value).collect::<Vec<f32>>()).view([count as i64, width as i64])
    };
    let mut draws = generator(config.seed, Purpose::Dropout, place);
    let width = biggest.classifier_inputs() as usize;
    let dropout =
        (config.dropout > 0.0).then(|| mask(&mut |survival| draws.random_bool(survival), 1.0 - config.dropout, width));
    let mut draws = generator(config.seed, Purpose::StochasticDepth, place);
    let skips = biggest.layers.iter().filter(|layer| layer.residual.is_some()).count();
    let blocks = if config.stochastic_depth > 0.0 { skips } else { 0 };
    let depth = (0..blocks).map(|block| {
        let survival = 1.0 - config.stochastic_depth * (block + 1) as f64 / skips as f64;
        mask(&mut |survival| draws.random_bool(survival), survival, 1).view([count as i64, 1, 1, 1])
    });
    Regularisation { dropout, depth: depth.collect() }
}
