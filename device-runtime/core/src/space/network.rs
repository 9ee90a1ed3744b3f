use crate::space::layout::{ParameterLayout, block_name};
use crate::space::{Activation, Block, Child, ExpandRatio, Operator, Padding, SearchSpace, Skip, SpaceError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Channels, height and width of one image's activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shape {
    /// Channels.
    pub channels: u32,
    /// Rows of pixels.
    pub height: u32,
    /// Columns of pixels.
    pub width: u32,
}

impl Shape {
    /// Pixels of one channel.
    pub fn pixels(self) -> u32 {
        self.height * self.width
    }

    /// Elements of all channels.
    pub fn len(self) -> usize {
        self.channels as usize * self.pixels() as usize
    }

    /// Whether any side is zero.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}x{}", self.channels, self.height, self.width)
    }
}

/// Everything that a layer's time depends on: layers of the same shape take the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LayerShape {
    /// What it computes.
    pub operator: Operator,
    /// Kernel size.
    pub kernel: u32,
    /// Stride.
    pub stride: u32,
    /// The activation at its end.
    pub activation: Activation,
    /// Whether it adds another layer's output.
    pub residual: bool,
    /// Whether its input is first multiplied by a factor of each channel.
    pub gated: bool,
    /// What it reads.
    pub input: Shape,
    /// What it writes.
    pub output: Shape,
}

impl LayerShape {
    /// Multiply-accumulate operations.
    pub fn madds(&self) -> u64 {
        self.output.len() as u64 * self.weights_per_output()
    }

    /// Weights that the layer reads, batch norm and bias not counted.
    pub fn weights(&self) -> u64 {
        u64::from(self.output.channels) * self.weights_per_output()
    }

    fn weights_per_output(&self) -> u64 {
        if !self.operator.row().has_weights {
            return 0;
        }
        u64::from(self.operator.channels_read(self.input.channels) * self.kernel * self.kernel)
    }

    /// The fewest bytes that must cross memory in f32: input, gate, weights and output once, and the residual once more.
    pub fn bytes(&self) -> u64 {
        let outputs = self.output.len() as u64 * if self.residual { 2 } else { 1 };
        let gate = if self.gated { u64::from(self.input.channels) } else { 0 };
        4 * (self.input.len() as u64 + gate + self.weights() + outputs)
    }
}

impl fmt::Display for LayerShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = self.operator;
        write!(f, "{operator} k{} s{} {} -> {}", self.kernel, self.stride, self.input, self.output)?;
        if self.gated {
            write!(f, ", gated")?;
        }
        if self.residual { write!(f, " + residual") } else { Ok(()) }
    }
}

/// One layer of a [`Network`]: `activation(norm(operator(input * gate)) + residual)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `stage2.block1.expand`; the same as its convolution's name where it has one.
    pub name: String,
    /// Operator, sizes and activation.
    pub shape: LayerShape,
    /// Rows and columns of zeros before the image.
    pub padding: u32,
    /// Index into [`ParameterLayout::convolutions`]; `None` for a pool. The layer reads the first `output.channels`
    /// rows and the first `input.channels` columns of its weight, and the centre `kernel x kernel` of each kernel.
    pub convolution: Option<usize>,
    /// The epsilon in batch norm's square root; `None` if no batch norm follows.
    pub norm_epsilon: Option<f32>,
    /// Index of the layer that it reads; `None` for the image. Always an earlier one.
    pub input: Option<usize>,
    /// Index of the layer whose one pixel multiplies the input, channel by channel.
    pub gate: Option<usize>,
    /// Index of the layer whose output is added to this one's after batch norm.
    pub residual: Option<usize>,
}

impl Layer {
    /// Whether batch norm follows: every convolution, but no matrix.
    pub fn is_normalised(&self) -> bool {
        self.norm_epsilon.is_some()
    }
}

/// A child, lowered: its layers in order with all shapes, and for each the slice of the shared tensors it reads.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The child that this is.
    pub child: Child,
    /// What the first layer reads.
    pub input: Shape,
    /// The layers, in an order in which they can run; the last one's output is the logits.
    pub layers: Vec<Layer>,
}

impl Network {
    /// The layers that batch norm follows, in order: the order of a child's statistics.
    pub fn normalised_layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().filter(|layer| layer.is_normalised())
    }

    /// Channels that the classifier reads.
    pub fn classifier_inputs(&self) -> u32 {
        self.layers.last().map_or(0, |classifier| classifier.shape.input.channels)
    }

    /// For each layer, the index of the last one that reads its output; its own where none does.
    pub fn last_readers(&self) -> Vec<usize> {
        let mut readers: Vec<usize> = (0..self.layers.len()).collect();
        for (index, layer) in self.layers.iter().enumerate() {
            for from in [layer.input, layer.gate, layer.residual].into_iter().flatten() {
                readers[from] = index;
            }
        }
        readers
    }

    /// Channels of all normalised layers together: the length of a child's means, and of its variances.
    pub fn normalised_channels(&self) -> usize {
        self.normalised_layers().map(|layer| layer.shape.output.channels as usize).sum()
    }
}

/// What the layers of a stage (or of stem and head) have in common.
#[derive(Clone, Copy)]
struct Common {
    activation: Activation,
    padding: Padding,
    norm_epsilon: f32,
}

/// What makes a layer different from its neighbours; the rest follows from what it reads.
struct Plan {
    operator: Operator,
    kernel: u32,
    stride: u32,
    channels: u32,
    activation: Activation,
    input: Option<usize>,
    gate: Option<usize>,
    residual: Option<usize>,
}

impl Plan {
    /// A 1x1 operator without gate and residual.
    fn new(operator: Operator, channels: u32, activation: Activation, input: Option<usize>) -> Self {
        Self { operator, kernel: 1, stride: 1, channels, activation, input, gate: None, residual: None }
    }
}

struct Lowering<'a> {
    layout: &'a ParameterLayout,
    network: Network,
}

impl Lowering<'_> {
    /// Adds a layer; returns its index.
    fn push(&mut self, name: String, plan: Plan, common: Common) -> usize {
        let Plan { operator, kernel, stride, channels, activation, input: from, gate, residual } = plan;
        let input = self.shape(from);
        let convolution = self.layout.index_of(&name);
        let (padding, height, width) = match (operator, common.padding) {
            (Operator::Pool, _) => (0, 1, 1),
            (Operator::AveragePool, _) => (0, input.height.div_ceil(stride), input.width.div_ceil(stride)),
            (_, Padding::Symmetric) => {
                let padding = (kernel - 1) / 2;
                let output = |size: u32| (size + 2 * padding - kernel) / stride + 1;
                (padding, output(input.height), output(input.width))
            }
            (_, Padding::Same) => {
                let output = |size: u32| size.div_ceil(stride);
                let needed = ((output(input.height) - 1) * stride + kernel).saturating_sub(input.height);
                (needed / 2, output(input.height), output(input.width))
            }
        };
        let shape = LayerShape {
            operator,
            kernel,
            stride,
            activation,
            residual: residual.is_some(),
            gated: gate.is_some(),
            input,
            output: Shape { channels, height, width },
        };
        let norm_epsilon = operator.row().is_normalised.then_some(common.norm_epsilon);
        let layer = Layer { name, shape, padding, convolution, norm_epsilon, input: from, gate, residual };
        self.network.layers.push(layer);
        self.network.layers.len() - 1
    }

    fn shape(&self, layer: Option<usize>) -> Shape {
        layer.map_or(self.network.input, |index| self.network.layers[index].shape.output)
    }
}

impl SearchSpace {
    /// Lowers a child: derives every layer, shape and slice. All readers of a child read this.
    ///
    /// # Errors
    /// [`SpaceError::NotInSpace`] if the space does not offer the child, [`SpaceError::Invalid`] if the space is wrong.
    pub fn lower(&self, child: &Child) -> Result<Network, SpaceError> {
        use Operator::{AveragePool, Dense, Depthwise, Linear, Pointwise, Pool};
        self.validate()?;
        self.check(child)?;
        let layout = self.layout();
        let input = Shape { channels: self.input_channels, height: child.resolution, width: child.resolution };
        let network = Network { child: child.clone(), input, layers: Vec::new() };
        let mut to = Lowering { layout: &layout, network };
        let whole = Common { activation: self.activation, padding: self.padding, norm_epsilon: self.norm_epsilon };
        let identity = Activation::Identity;
        let stem = Plan {
            kernel: self.stem.kernel,
            stride: self.stem.stride,
            ..Plan::new(Dense, child.stem_width, self.activation, None)
        };
        let mut at = to.push("stem".into(), stem, whole);
        for (index, (stage, choice)) in self.stages.iter().zip(&child.stages).enumerate() {
            let common = Common {
                activation: stage.activation.unwrap_or(self.activation),
                padding: stage.padding.unwrap_or(self.padding),
                norm_epsilon: stage.norm_epsilon.unwrap_or(self.norm_epsilon),
            };
            let activation = common.activation;
            for block in 0..choice.depth {
                let name = |part: &str| block_name(index, block, part);
                let (block_input, stride) = (at, if block == 0 { stage.stride } else { 1 });
                let channels = to.shape(Some(at)).channels;
                let expanded = choice.expand_ratio.of(channels);
                if choice.expand_ratio > ExpandRatio::ONE {
                    at = to.push(name("expand"), Plan::new(Pointwise, expanded, activation, Some(at)), common);
                }
                let depthwise =
                    Plan { kernel: choice.kernel, stride, ..Plan::new(Depthwise, expanded, activation, Some(at)) };
                at = to.push(name("depthwise"), depthwise, common);
                let gate = stage.squeeze_excite.map(|squeeze| {
                    let squeezed = squeeze.width(channels, expanded);
                    let inner = squeeze.activation.unwrap_or(activation);
                    let mean = to.push(name("squeeze_pool"), Plan::new(Pool, expanded, identity, Some(at)), common);
                    let reduced = to.push(name("squeeze"), Plan::new(Linear, squeezed, inner, Some(mean)), common);
                    let excite = Plan::new(Linear, expanded, squeeze.gate.activation(), Some(reduced));
                    to.push(name("excite"), excite, common)
                });
                let residual = match self.skip(index, block) {
                    Skip::None => None,
                    Skip::Identity => Some(block_input),
                    Skip::Transition => {
                        let pool = Plan {
                            kernel: stride,
                            stride,
                            ..Plan::new(AveragePool, channels, identity, Some(block_input))
                        };
                        let pooled = to.push(name("shortcut_pool"), pool, common);
                        let shortcut = Plan::new(Pointwise, choice.width, identity, Some(pooled));
                        Some(to.push(name("shortcut"), shortcut, common))
                    }
                };
                let last_activation = if stage.block == Block::Separable { activation } else { identity };
                let project = Plan { gate, residual, ..Plan::new(Pointwise, choice.width, last_activation, Some(at)) };
                at = to.push(name("project"), project, common);
            }
        }
        let pool = |to: &mut Lowering<'_>, at: usize| {
            to.push("pool".into(), Plan::new(Pool, to.shape(Some(at)).channels, identity, Some(at)), whole)
        };
        at = match (&self.head, child.head_width) {
            (Some(head), Some(width)) => match head.expand_ratio {
                None => {
                    let convolved =
                        to.push("head".into(), Plan::new(Pointwise, width, self.activation, Some(at)), whole);
                    pool(&mut to, convolved)
                }
                Some(ratio) => {
                    let expanded = ratio.of(to.shape(Some(at)).channels);
                    let expand = Plan::new(Pointwise, expanded, self.activation, Some(at));
                    at = to.push("head_expand".into(), expand, whole);
                    at = pool(&mut to, at);
                    to.push("head".into(), Plan::new(Linear, width, self.activation, Some(at)), whole)
                }
            },
            _ => pool(&mut to, at),
        };
        to.push("classifier".into(), Plan::new(Linear, self.classes, identity, Some(at)), whole);
        Ok(to.network)
    }
}
