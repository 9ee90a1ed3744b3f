use crate::space::{Activation, Operator};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

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
    /// Its computation.
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
    /// The shape that it reads.
    pub input: Shape,
    /// The shape that it writes.
    pub output: Shape,
}

impl LayerShape {
    /// The same without its sizes: equal for all layers that differ in nothing else.
    pub fn kind(&self) -> Self {
        let none = Shape { channels: 0, height: 0, width: 0 };
        Self { input: none, output: none, ..*self }
    }

    /// Multiply-accumulate operations.
    pub fn madds(&self) -> u64 {
        self.output.len() as u64 * self.weights_per_output()
    }

    /// Weights that the layer reads, batch norm and bias not counted.
    pub fn weights(&self) -> u64 {
        u64::from(self.output.channels) * self.weights_per_output()
    }

    /// Weights of one output channel.
    fn weights_per_output(&self) -> u64 {
        if !self.operator.row().has_weights {
            return 0;
        }
        let taps = u64::from(self.kernel) * u64::from(self.kernel);
        taps * u64::from(self.operator.channels_read(self.input.channels))
    }

    /// The fewest bytes that must cross memory in f32: input, gate, weights and output once, and the residual once
    /// more.
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

/// One layer of a [`Network`](crate::space::Network): `activation(norm(operator(input * gate)) + residual)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// `stage2.block1.expand`; the same as its convolution's name where it has one. Shared with the space: cheap to
    /// clone.
    pub name: Arc<str>,
    /// Operator, sizes and activation.
    pub shape: LayerShape,
    /// Rows and columns of zeros before the image.
    pub padding: u32,
    /// Index into [`ParameterLayout::convolutions`](crate::space::ParameterLayout::convolutions); `None` for a pool.
    /// The layer reads the first `output.channels` rows and the first `input.channels` columns of its weight, and the
    /// centre `kernel x kernel` of each kernel.
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
