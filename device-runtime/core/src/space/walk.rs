//! The one walk over the topology of a space. [`walk`] visits the layers of a child, with all their shapes, in an order
//! in which they can run.
//!
//! The blocks of a stage are made by one function of [`Walk`] for each kind of [`Block`]. A new kind is a variant of
//! that enum, an arm of [`Walk::block`] and an arm of [`stage_problem`].

use crate::space::{
    Activation, Block, Child, ExpandRatio, LayerShape, Operator, Padding, SearchSpace, Shape, SqueezeExcite,
    StageChoice, StageSpace,
};
use Operator::{AveragePool, Dense, Depthwise, Linear, Pointwise, Pool};
use std::fmt;

/// The part that a layer plays in its block, or in stem and head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Stem,
    Expand,
    Depthwise,
    SqueezePool,
    Squeeze,
    Excite,
    ShortcutPool,
    Shortcut,
    Project,
    HeadExpand,
    Head,
    Pool,
    Classifier,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Stem => "stem",
            Self::Expand => "expand",
            Self::Depthwise => "depthwise",
            Self::SqueezePool => "squeeze_pool",
            Self::Squeeze => "squeeze",
            Self::Excite => "excite",
            Self::ShortcutPool => "shortcut_pool",
            Self::Shortcut => "shortcut",
            Self::Project => "project",
            Self::HeadExpand => "head_expand",
            Self::Head => "head",
            Self::Pool => "pool",
            Self::Classifier => "classifier",
        }
    }
}

/// The place of a layer in the supernet; unique. Prints as the layer's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Stage and block, counted from 0; `None` in stem and head.
    block: Option<(u32, u32)>,
    part: Part,
}

/// Stages and blocks are counted from 1, as in the paper.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((stage, block)) = self.block {
            write!(f, "stage{}.block{}.", stage + 1, block + 1)?;
        }
        f.write_str(self.part.name())
    }
}

/// A layer as the walk visits it: a [`Layer`](crate::space::Layer) whose name and convolution are given by its place.
pub(super) struct PlacedLayer {
    pub place: Place,
    pub shape: LayerShape,
    pub padding: u32,
    pub norm_epsilon: Option<f32>,
    pub input: Option<usize>,
    pub gate: Option<usize>,
    pub residual: Option<usize>,
}

/// Visits every layer of `child` in order.
///
/// The space must offer the child. Layers of any child follow each other as in the biggest child, which has them all.
pub(super) fn walk(space: &SearchSpace, child: &Child, visit: impl FnMut(PlacedLayer)) {
    let mut walk = Walk { visit, visited: 0 };
    let outside =
        Scope { block: None, activation: space.activation, padding: space.padding, norm_epsilon: space.norm_epsilon };
    let side = child.resolution;
    let image = Output { layer: None, shape: Shape { channels: space.input_channels, height: side, width: side } };
    let stem = Plan::new(Dense, child.stem_width, space.activation, image);
    let stem = Plan { kernel: space.stem.kernel, stride: space.stem.stride, ..stem };
    let mut at = walk.layer(outside, Part::Stem, stem);
    for (index, (stage, choice)) in (0..).zip(space.stages.iter().zip(&child.stages)) {
        for block in 0..choice.depth {
            let scope = Scope {
                block: Some((index, block)),
                activation: stage.activation.unwrap_or(space.activation),
                padding: stage.padding.unwrap_or(space.padding),
                norm_epsilon: stage.norm_epsilon.unwrap_or(space.norm_epsilon),
            };
            let stride = if block == 0 { stage.stride } else { 1 };
            let skip = skip(space, stage, index as usize, block);
            at = walk.block(&BlockPlan { scope, stage, choice, stride, skip }, at);
        }
    }
    let features = walk.head(space, child, outside, at);
    let classifier = Plan::new(Linear, space.classes, Activation::Identity, features);
    walk.layer(outside, Part::Classifier, classifier);
}

/// The rule that a stage breaks because of the kind of its blocks: the field, and the problem.
pub(super) fn stage_problem(stage: &StageSpace) -> Option<(&'static str, &'static str)> {
    match stage.block {
        Block::InvertedResidual => None,
        Block::Separable if stage.expand_ratios != [ExpandRatio::ONE] => {
            Some(("expand_ratios", "must be [1] in a stage of separable blocks"))
        }
        Block::Separable if stage.transition_skips => {
            Some(("transition_skips", "cannot be in a stage of separable blocks"))
        }
        Block::Separable => None,
    }
}

/// How an inverted residual adds its input to its output.
#[derive(Clone, Copy)]
enum Skip {
    /// Not at all.
    None,
    /// As it is.
    Identity,
    /// Through an average pool as large as the stride, and a pointwise convolution with batch norm.
    Transition,
}

/// How a block of a stage adds its input. It is the same for all children, so that they share weights: the first block
/// of a stage adds its input as it is only where stride and width can never differ; every later block does.
fn skip(space: &SearchSpace, stage: &StageSpace, index: usize, block: u32) -> Skip {
    let before = index.checked_sub(1).map_or(&space.stem.widths, |before| &space.stages[before].widths);
    if block > 0 || (stage.stride == 1 && stage.widths.len() == 1 && *before == stage.widths) {
        Skip::Identity
    } else if stage.transition_skips {
        Skip::Transition
    } else {
        Skip::None
    }
}

/// The place of a layer's neighbours, and the options that it shares with them.
#[derive(Clone, Copy)]
struct Scope {
    block: Option<(u32, u32)>,
    activation: Activation,
    padding: Padding,
    norm_epsilon: f32,
}

/// The image or the output of a layer.
#[derive(Clone, Copy)]
struct Output {
    /// Index of the layer; `None` for the image.
    layer: Option<usize>,
    shape: Shape,
}

/// A layer before its shapes are derived: all that distinguishes it from its neighbours.
struct Plan {
    operator: Operator,
    kernel: u32,
    stride: u32,
    channels: u32,
    activation: Activation,
    input: Output,
    gate: Option<Output>,
    residual: Option<Output>,
}

impl Plan {
    /// A 1x1 operator without gate and residual.
    fn new(operator: Operator, channels: u32, activation: Activation, input: Output) -> Self {
        Self { operator, kernel: 1, stride: 1, channels, activation, input, gate: None, residual: None }
    }
}

/// A block before its layers are derived.
struct BlockPlan<'a> {
    scope: Scope,
    stage: &'a StageSpace,
    choice: &'a StageChoice,
    stride: u32,
    skip: Skip,
}

/// The walk so far.
struct Walk<V> {
    visit: V,
    /// Layers that were visited.
    visited: usize,
}

impl<V: FnMut(PlacedLayer)> Walk<V> {
    /// Derives the shape of a layer, visits it, and returns its output.
    fn layer(&mut self, scope: Scope, part: Part, plan: Plan) -> Output {
        let Plan { operator, kernel, stride, channels, activation, input, gate, residual } = plan;
        let (padding, height, width) = window(&plan, scope.padding);
        let output = Shape { channels, height, width };
        let (residual, gate) = (residual.and_then(|from| from.layer), gate.and_then(|from| from.layer));
        let shape = LayerShape {
            operator,
            kernel,
            stride,
            activation,
            residual: residual.is_some(),
            gated: gate.is_some(),
            input: input.shape,
            output,
        };
        let norm_epsilon = operator.row().is_normalised.then_some(scope.norm_epsilon);
        let place = Place { block: scope.block, part };
        (self.visit)(PlacedLayer { place, shape, padding, norm_epsilon, input: input.layer, gate, residual });
        self.visited += 1;
        Output { layer: Some(self.visited - 1), shape: output }
    }

    fn block(&mut self, block: &BlockPlan<'_>, input: Output) -> Output {
        match block.stage.block {
            Block::InvertedResidual => self.inverted_residual(block, input),
            Block::Separable => self.separable(block, input),
        }
    }

    /// Expands, convolves each channel, and projects without an activation (MobileNetV2).
    fn inverted_residual(&mut self, block: &BlockPlan<'_>, input: Output) -> Output {
        let &BlockPlan { scope, choice, .. } = block;
        let expanded = if choice.expand_ratio > ExpandRatio::ONE {
            let channels = choice.expand_ratio.of(input.shape.channels);
            self.layer(scope, Part::Expand, Plan::new(Pointwise, channels, scope.activation, input))
        } else {
            input
        };
        let (convolved, gate) = self.depthwise(block, input, expanded);
        let residual = match block.skip {
            Skip::None => None,
            Skip::Identity => Some(input),
            Skip::Transition => Some(self.shortcut(block, input)),
        };
        let project = Plan::new(Pointwise, choice.width, Activation::Identity, convolved);
        self.layer(scope, Part::Project, Plan { gate, residual, ..project })
    }

    /// Convolves each channel, then mixes the channels, both with an activation (MobileNetV1).
    fn separable(&mut self, block: &BlockPlan<'_>, input: Output) -> Output {
        let scope = block.scope;
        let (convolved, gate) = self.depthwise(block, input, input);
        let project = Plan::new(Pointwise, block.choice.width, scope.activation, convolved);
        self.layer(scope, Part::Project, Plan { gate, ..project })
    }

    /// The depthwise convolution of `expanded`, and the gate of its channels where the stage has squeeze-and-excite.
    fn depthwise(&mut self, block: &BlockPlan<'_>, input: Output, expanded: Output) -> (Output, Option<Output>) {
        let &BlockPlan { scope, stride, .. } = block;
        let plan = Plan::new(Depthwise, expanded.shape.channels, scope.activation, expanded);
        let convolved = self.layer(scope, Part::Depthwise, Plan { kernel: block.choice.kernel, stride, ..plan });
        let squeeze = block.stage.squeeze_excite.as_ref();
        let gate = squeeze.map(|squeeze| self.gate(scope, squeeze, input.shape.channels, convolved));
        (convolved, gate)
    }

    /// The factor of each channel of `convolved` (squeeze-and-excite).
    fn gate(&mut self, scope: Scope, squeeze: &SqueezeExcite, block_input: u32, convolved: Output) -> Output {
        let channels = convolved.shape.channels;
        let pool = Plan::new(Pool, channels, Activation::Identity, convolved);
        let mean = self.layer(scope, Part::SqueezePool, pool);
        let inner = squeeze.activation.unwrap_or(scope.activation);
        let reduce = Plan::new(Linear, squeeze.width(block_input, channels), inner, mean);
        let reduced = self.layer(scope, Part::Squeeze, reduce);
        self.layer(scope, Part::Excite, Plan::new(Linear, channels, squeeze.gate.activation(), reduced))
    }

    /// The block's input in the shape of its output ([`Skip::Transition`]).
    fn shortcut(&mut self, block: &BlockPlan<'_>, input: Output) -> Output {
        let &BlockPlan { scope, stride, .. } = block;
        let pool = Plan::new(AveragePool, input.shape.channels, Activation::Identity, input);
        let pooled = self.layer(scope, Part::ShortcutPool, Plan { kernel: stride, stride, ..pool });
        self.layer(scope, Part::Shortcut, Plan::new(Pointwise, block.choice.width, Activation::Identity, pooled))
    }

    /// The layers between the last stage and the classifier.
    fn head(&mut self, space: &SearchSpace, child: &Child, scope: Scope, at: Output) -> Output {
        let Some((head, width)) = space.head.as_ref().zip(child.head_width) else {
            return self.pool(scope, at);
        };
        match head.expand_ratio {
            None => {
                let convolved = self.layer(scope, Part::Head, Plan::new(Pointwise, width, scope.activation, at));
                self.pool(scope, convolved)
            }
            Some(ratio) => {
                let expand = Plan::new(Pointwise, ratio.of(at.shape.channels), scope.activation, at);
                let expanded = self.layer(scope, Part::HeadExpand, expand);
                let pooled = self.pool(scope, expanded);
                self.layer(scope, Part::Head, Plan::new(Linear, width, scope.activation, pooled))
            }
        }
    }

    /// The global pool.
    fn pool(&mut self, scope: Scope, at: Output) -> Output {
        self.layer(scope, Part::Pool, Plan::new(Pool, at.shape.channels, Activation::Identity, at))
    }
}

/// Zeros before the image, and height and width of a layer's output.
fn window(plan: &Plan, padding: Padding) -> (u32, u32, u32) {
    let &Plan { operator, kernel, stride, .. } = plan;
    let Shape { height, width, .. } = plan.input.shape;
    let strided = |size: u32| size.div_ceil(stride);
    match (operator, padding) {
        (Pool, _) => (0, 1, 1),
        (AveragePool, _) => (0, strided(height), strided(width)),
        (Dense | Pointwise | Depthwise | Linear, Padding::Symmetric) => {
            let zeros = (kernel - 1) / 2;
            let output = |size: u32| (size + 2 * zeros - kernel) / stride + 1;
            (zeros, output(height), output(width))
        }
        (Dense | Pointwise | Depthwise | Linear, Padding::Same) => {
            let needed = ((strided(height) - 1) * stride + kernel).saturating_sub(height);
            (needed / 2, strided(height), strided(width))
        }
    }
}
