use super::layout::{ParameterLayout, block_name};
use super::{Activation, Child, Padding, SearchSpace, SpaceError};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a layer computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// A convolution in which every output channel reads every input channel, with a kernel larger than 1: the stem.
    Dense,
    /// A 1x1 convolution.
    Pointwise,
    /// A convolution of each channel with its own kernel.
    Depthwise,
    /// The mean over all pixels of each channel.
    Pool,
    /// The classifier: a matrix and a bias over one pixel.
    Linear,
}

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

/// Everything that a layer's time depends on: the key of a latency table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LayerShape {
    /// What it computes.
    pub operator: Operator,
    /// Kernel size.
    pub kernel: u32,
    /// Stride.
    pub stride: u32,
    /// What closes it.
    pub activation: Activation,
    /// Whether it adds the block's input.
    pub residual: bool,
    /// What it reads.
    pub input: Shape,
    /// What it writes.
    pub output: Shape,
}

impl LayerShape {
    /// Multiply-accumulate operations.
    pub fn madds(&self) -> u64 {
        let reads = match self.operator {
            Operator::Depthwise => 1,
            Operator::Pool => return 0,
            _ => u64::from(self.input.channels),
        };
        self.output.len() as u64 * reads * u64::from(self.kernel * self.kernel)
    }

    /// Weights that the layer reads, batch norm and bias not counted.
    pub fn weights(&self) -> u64 {
        match self.operator {
            Operator::Pool => 0,
            Operator::Depthwise => u64::from(self.output.channels * self.kernel * self.kernel),
            _ => u64::from(self.output.channels) * u64::from(self.input.channels * self.kernel * self.kernel),
        }
    }

    /// The fewest bytes that must cross memory in f32: input, weights and output once, and the residual once more.
    pub fn bytes(&self) -> u64 {
        let outputs = self.output.len() as u64 * if self.residual { 2 } else { 1 };
        4 * (self.input.len() as u64 + self.weights() + outputs)
    }
}

impl fmt::Display for LayerShape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = match self.operator {
            Operator::Dense => "dense",
            Operator::Pointwise => "pointwise",
            Operator::Depthwise => "depthwise",
            Operator::Pool => "pool",
            Operator::Linear => "linear",
        };
        write!(f, "{operator} k{} s{} {} -> {}", self.kernel, self.stride, self.input, self.output)?;
        if self.residual { write!(f, " + residual") } else { Ok(()) }
    }
}

/// One layer of a [`Network`]. It reads the layer before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// `stage2.block1.expand`; the same as its convolution's name where it has one.
    pub name: String,
    /// Operator, sizes and activation.
    pub shape: LayerShape,
    /// Rows and columns of zeros before the image.
    pub padding: u32,
    /// Index into [`ParameterLayout::convolutions`]; `None` for the pool. The layer reads the first `output.channels`
    /// rows and the first `input.channels` columns of its weight, and the centre `kernel x kernel` of each kernel.
    pub convolution: Option<usize>,
    /// Index of the layer whose output is added to this one's after batch norm.
    pub residual: Option<usize>,
}

impl Layer {
    /// Whether batch norm follows: every convolution but the classifier.
    pub fn is_normalised(&self) -> bool {
        matches!(self.shape.operator, Operator::Dense | Operator::Pointwise | Operator::Depthwise)
    }
}

/// A child, lowered: its layers in order with all shapes, and for each the slice of the shared tensors it reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// The child that this is.
    pub child: Child,
    /// What the first layer reads.
    pub input: Shape,
    /// The layers; each reads the one before.
    pub layers: Vec<Layer>,
}

impl Network {
    /// The layers that batch norm follows, in order: the order of a child's statistics.
    pub fn normalised_layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().filter(|layer| layer.is_normalised())
    }

    /// Channels of all normalised layers together: the length of a child's means, and of its variances.
    pub fn normalised_channels(&self) -> usize {
        self.normalised_layers().map(|layer| layer.shape.output.channels as usize).sum()
    }
}

struct Lowering<'a> {
    space: &'a SearchSpace,
    layout: &'a ParameterLayout,
    network: Network,
    shape: Shape,
}

impl Lowering<'_> {
    fn push(
        &mut self,
        name: String,
        kernel: u32,
        stride: u32,
        channels: u32,
        activation: Activation,
        residual: Option<usize>,
    ) {
        let input = self.shape;
        let convolution = self.layout.index_of(&name);
        let operator = convolution.map_or(Operator::Pool, |index| self.layout.convolutions[index].operator);
        let (padding, height, width) = match operator {
            Operator::Pool => (0, 1, 1),
            _ => match self.space.padding {
                Padding::Symmetric => {
                    let padding = (kernel - 1) / 2;
                    let output = |size: u32| (size + 2 * padding - kernel) / stride + 1;
                    (padding, output(input.height), output(input.width))
                }
                Padding::Same => {
                    let output = |size: u32| size.div_ceil(stride);
                    let needed = ((output(input.height) - 1) * stride + kernel).saturating_sub(input.height);
                    (needed / 2, output(input.height), output(input.width))
                }
            },
        };
        self.shape = Shape { channels, height, width };
        let shape = LayerShape {
            operator,
            kernel,
            stride,
            activation,
            residual: residual.is_some(),
            input,
            output: self.shape,
        };
        self.network.layers.push(Layer { name, shape, padding, convolution, residual });
    }
}

impl SearchSpace {
    /// Lowers a child: derives every layer, shape and slice. All readers of a child read this.
    ///
    /// # Errors
    /// [`SpaceError::NotInSpace`] if the space does not offer the child, [`SpaceError::Invalid`] if the space is wrong.
    pub fn lower(&self, child: &Child) -> Result<Network, SpaceError> {
        self.validate()?;
        self.check(child)?;
        let layout = self.layout();
        let input = Shape { channels: self.input_channels, height: child.resolution, width: child.resolution };
        let network = Network { child: child.clone(), input, layers: Vec::new() };
        let mut to = Lowering { space: self, layout: &layout, network, shape: input };
        to.push("stem".into(), self.stem.kernel, self.stem.stride, child.stem_width, self.activation, None);
        for (index, (stage, choice)) in self.stages.iter().zip(&child.stages).enumerate() {
            for block in 0..choice.depth {
                let block_input = to.network.layers.len() - 1;
                let stride = if block == 0 { stage.stride } else { 1 };
                let expanded = to.shape.channels * choice.expand_ratio;
                if choice.expand_ratio > 1 {
                    to.push(block_name(index, block, "expand"), 1, 1, expanded, self.activation, None);
                }
                to.push(block_name(index, block, "depthwise"), choice.kernel, stride, expanded, self.activation, None);
                let residual = self.has_skip(index, block).then_some(block_input);
                to.push(block_name(index, block, "project"), 1, 1, choice.width, Activation::Identity, residual);
            }
        }
        to.push("head".into(), 1, 1, child.head_width, self.activation, None);
        to.push("pool".into(), 1, 1, child.head_width, Activation::Identity, None);
        to.push("classifier".into(), 1, 1, self.classes, Activation::Identity, None);
        Ok(to.network)
    }
}
