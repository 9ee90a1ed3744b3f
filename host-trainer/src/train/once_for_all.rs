//! Once-for-all networks (Cai et al., "Once-for-All: Train One Network and Specialize It for Efficient Deployment",
//! 2020): progressive shrinking.
//!
//! 1. The full network is trained. Its weights at the end are the teacher's, and never change again.
//! 2. Its kernel sizes become elastic, then its depths, then its expand ratios; image sizes are elastic throughout. The
//!    children of a step are drawn from the choices that are open so far, and learn the teacher's answers and the labels.
//! 3. A smaller kernel is made from the centre of the next larger one by a matrix that is trained with the rest
//!    ([`ExtraRole::KernelTransform`](crate::model::ExtraRole)).
//! 4. Before the expand ratios become elastic, the channels within each block are sorted by their importance, so that a
//!    narrower block keeps the most important ones ([`sorted_by_importance`](super::sorted_by_importance)).
//!
//! The rate follows one schedule over all phases; the authors start each phase with a rate of its own.

use super::sandwich::{cross_entropy, divergence};
use super::widths::elastic_ratios;
use super::{Batch, StepOptions};
use crate::model::{Norm, Parameters, Resizer, forward, values_of};
use crate::random::{Purpose, generator};
use nestling_core::space::{Child, Network, SearchSpace, StageChoice, ValidatedSpace};
use rand::{Rng, RngExt};
use tch::{Kind, Tensor, no_grad};

/// Weight of the teacher's answers beside the labels.
const KD_RATIO: f64 = 1.0;
/// Share of the run after which a phase is open. The authors train for 180, 120, 145 and 145 epochs.
const KERNELS_FROM: f64 = 180.0 / 590.0;
const DEPTHS_FROM: f64 = 300.0 / 590.0;
const EXPAND_RATIOS_FROM: f64 = 445.0 / 590.0;
/// Share of the run in which a new dimension offers only its two largest choices: 25 epochs.
const FIRST_STEP: f64 = 25.0 / 590.0;

/// The number of choices that are open, counted from the largest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Open {
    kernels: usize,
    depths: usize,
    expand_ratios: usize,
}

impl Open {
    /// Only the full network.
    const FULL: Self = Self { kernels: 1, depths: 1, expand_ratios: 1 };

    /// The choices that are open after this share of the run, from 0 to 1.
    pub fn after(share: f64) -> Self {
        let opened = |from: f64| match share {
            share if share < from => 1,
            share if share < from + FIRST_STEP => 2,
            _ => usize::MAX,
        };
        // Kernel sizes open at once.
        let kernels = if share < KERNELS_FROM { 1 } else { usize::MAX };
        Self { kernels, depths: opened(DEPTHS_FROM), expand_ratios: opened(EXPAND_RATIOS_FROM) }
    }

    /// Whether the full network is trained alone, before there is a teacher.
    pub fn is_full(self) -> bool {
        self == Self::FULL
    }

    /// Whether expand ratios are elastic.
    pub fn has_expand_ratios(self) -> bool {
        self.expand_ratios > 1
    }
}

/// The network of a space with elastic image size, kernel size, depth and expand ratio: widths are the biggest. Expand
/// ratios are those of the space, or a half, three quarters and all of the one that it has.
pub fn space(base: &SearchSpace) -> SearchSpace {
    if has_fixed_widths(base) {
        return base.clone();
    }
    fn biggest(widths: &mut Vec<u32>) {
        widths.drain(..widths.len().saturating_sub(1));
    }
    let mut space = SearchSpace { name: format!("{}-elastic", base.name), ..base.clone() };
    biggest(&mut space.stem.widths);
    space.head.iter_mut().for_each(|head| biggest(&mut head.widths));
    for stage in &mut space.stages {
        biggest(&mut stage.widths);
        if let [only] = stage.expand_ratios[..] {
            stage.expand_ratios = elastic_ratios(only);
        }
    }
    space
}

/// Whether no width is a choice.
pub fn has_fixed_widths(space: &SearchSpace) -> bool {
    let stages = space.stages.iter().map(|stage| &stage.widths);
    let mut all = stages.chain([&space.stem.widths]).chain(space.head.as_ref().map(|head| &head.widths));
    all.all(|widths| widths.len() == 1)
}

/// The children of a step: the full network at a random image size until the teacher is trained, then one child, and
/// `random` children (at least one) once depths are elastic. All of a step have the same image size.
pub fn children(space: &ValidatedSpace, seed: u64, step: u64, open: Open, random: u32) -> Vec<Child> {
    let mut draw = generator(seed, Purpose::Children, step);
    let resolution = pick(&space.resolutions, usize::MAX, &mut draw);
    let count = if open.depths == 1 { 1 } else { random.max(1) };
    (0..count).map(|_| child(space, resolution, open, &mut draw)).collect()
}

fn child(space: &ValidatedSpace, resolution: u32, open: Open, draw: &mut impl Rng) -> Child {
    Child {
        resolution,
        stages: (space.stages.iter())
            .map(|stage| StageChoice {
                width: pick(&stage.widths, 1, draw),
                depth: pick(&stage.depths, open.depths, draw),
                kernel: pick(&stage.kernels, open.kernels, draw),
                expand_ratio: pick(&stage.expand_ratios, open.expand_ratios, draw),
            })
            .collect(),
        ..space.biggest()
    }
}

/// One of the largest `open` choices.
fn pick<T: Copy>(list: &[T], open: usize, draw: &mut impl Rng) -> T {
    let open = open.min(list.len());
    list[list.len() - open + draw.random_range(0..open)]
}

/// The full network with the weights that it had when its phase ended.
#[derive(Clone, Copy, Debug)]
pub struct Teacher<'a> {
    /// The full network at the image size of the step.
    pub network: &'a Network,
    /// Its weights.
    pub parameters: &'a Parameters,
}

/// The children of a step and their teacher.
#[derive(Clone, Copy, Debug)]
pub struct Shrinking<'a> {
    /// The children; all have the same image size.
    pub children: &'a [Network],
    /// The teacher.
    pub teacher: Teacher<'a>,
}

/// One step of progressive shrinking: every child learns the teacher's answers and the labels, and all gradients add up
/// before one update.
///
/// Returns the cross entropy of the first child with the labels, and the KL divergence of the last one from the teacher.
pub fn shrinking_step(
    parameters: &Parameters,
    Shrinking { children, teacher }: Shrinking<'_>,
    resizer: &Resizer,
    batch: &Batch,
    options: StepOptions<'_>,
) -> Vec<f64> {
    let Some(first) = children.first() else { return Vec::new() };
    let images = resizer.resize(&batch.images, first.child.resolution).to_kind(options.kind);
    let soft_labels = no_grad(|| {
        let answers = forward(teacher.network, teacher.parameters, &images, Norm::Batch, None);
        answers.softmax(-1, Kind::Float)
    });
    let mut first_loss = None;
    let mut last_divergence = None;
    for network in children {
        let logits = forward(network, parameters, &images, Norm::Batch, None);
        let label_loss = cross_entropy(&logits, batch, options);
        let loss = options.distillation.loss(&soft_labels, &logits) * KD_RATIO + &label_loss;
        (&loss * options.share).backward();
        first_loss.get_or_insert_with(|| label_loss.detach());
        last_divergence = Some(divergence(&soft_labels, &logits.detach()) / logits.size()[0]);
    }
    let losses: Vec<Tensor> = first_loss.into_iter().chain(last_divergence).collect();
    values_of(&Tensor::stack(&losses, 0)).into_iter().map(f64::from).collect()
}
