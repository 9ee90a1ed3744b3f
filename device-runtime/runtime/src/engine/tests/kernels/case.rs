//! Single layers of all shapes.

use crate::engine::Traits;
use crate::engine::tests::traits;
use crate::gpu::Vendor;
use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::{
    Activation, Convolution, Layer, LayerShape, Operator, OutputSize as Size, Padding, Parameter, ParameterLayout,
    Role, Shape,
};
use nestling_core::tiles::TileVariant;
use nestling_core::weights::WeightStorage;
use nestling_shaders::Kernel;

/// One layer of any shape, as a slice of a larger convolution.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) kernel: Kernel,
    /// The tile of [`Kernel::Pointwise`].
    pub(super) variant: TileVariant,
    pub(super) layer: Layer,
    pub(super) layout: ParameterLayout,
    pub(super) seed: u64,
    pub(super) traits: Traits,
    /// Elements before the input and before the output, of the kernels that know of them.
    pub(super) offsets: (u32, u32),
    /// Where inputs are drawn from: -1 to 1 times this.
    pub(super) input_range: f32,
    pub(super) storage: WeightStorage,
}

#[allow(clippy::too_many_arguments, reason = "each is one axis of the grid of shapes")]
pub(super) fn case(
    kernel: Kernel,
    (size, full): (u32, u32),
    stride: u32,
    padding: Padding,
    activation: Activation,
    residual: bool,
    input: Shape,
    outputs: u32,
    (more_inputs, more_outputs): (u32, u32),
    seed: u64,
) -> Case {
    let operator = operator(kernel);
    let outputs = if operator.is_per_channel() { input.channels } else { outputs };
    let (before, height, width) = extent(operator, size, stride, padding, input);
    let output = Shape { channels: outputs, height, width };
    let shape = LayerShape { operator, kernel: size, stride, activation, residual, gated: false, input, output };
    let layout = layout(&shape, full, more_inputs, more_outputs);
    let has_weight = !layout.convolutions.is_empty();
    let residual = residual.then_some(0);
    let layer = Layer {
        name: "layer".into(),
        shape,
        padding: before,
        convolution: has_weight.then_some(0),
        norm_epsilon: has_weight.then_some(1e-3),
        input: None,
        gate: None,
        residual,
    };
    let vendor = if seed.is_multiple_of(2) { Vendor::Software } else { Vendor::Nvidia };
    let traits = traits(vendor, true);
    Case {
        kernel,
        variant: traits.tiles.of(Size::Large),
        layer,
        layout,
        seed,
        traits,
        offsets: (0, 0),
        input_range: 1.0,
        storage: WeightStorage::F32,
    }
}

/// The operator that a kernel is tested with.
fn operator(kernel: Kernel) -> Operator {
    match kernel {
        Kernel::Dense => Operator::Dense,
        Kernel::Depthwise => Operator::Depthwise,
        Kernel::Pool | Kernel::PoolWide => Operator::Pool,
        Kernel::AveragePool => Operator::AveragePool,
        Kernel::Pointwise | Kernel::PointwiseSmall | Kernel::LinearWide | Kernel::Fallback => Operator::Pointwise,
        Kernel::ResizeColumns
        | Kernel::TextureColumns
        | Kernel::ResizeRows
        | Kernel::ReadWeights
        | Kernel::Moments
        | Kernel::Normalise => {
            unreachable!("{kernel:?} computes no layer")
        }
    }
}

/// Zeros before the image, and the output's height and width.
fn extent(operator: Operator, size: u32, stride: u32, padding: Padding, input: Shape) -> (u32, u32, u32) {
    match (operator, padding) {
        (Operator::Pool, _) => (0, 1, 1),
        (Operator::AveragePool, _) => (0, input.height.div_ceil(stride), input.width.div_ceil(stride)),
        (_, Padding::Symmetric) => {
            let before = (size - 1) / 2;
            let out = |n: u32| (n + 2 * before - size) / stride + 1;
            (before, out(input.height), out(input.width))
        }
        (_, Padding::Same) => {
            // Any number of zeros before the image will do for a kernel.
            (size / 3, input.height.div_ceil(stride), input.width.div_ceil(stride))
        }
    }
}

/// The one convolution that the layer is a slice of, so many groups larger; none where an operator has no weights.
fn layout(shape: &LayerShape, full: u32, more_inputs: u32, more_outputs: u32) -> ParameterLayout {
    let operator = shape.operator;
    let mut layout = ParameterLayout { convolutions: Vec::new(), parameters: Vec::new() };
    if !operator.row().has_weights {
        return layout;
    }
    let all_inputs = shape.input.channels + 4 * more_inputs;
    let all_outputs = if operator.is_per_channel() { all_inputs } else { shape.output.channels + 4 * more_outputs };
    let columns = operator.channels_read(all_inputs);
    let mut offset = 0;
    for (role, shape) in [
        (Role::Weight, vec![all_outputs, columns, full, full]),
        (Role::Gamma, vec![all_outputs]),
        (Role::Beta, vec![all_outputs]),
    ] {
        let parameter = Parameter { name: format!("{role:?}"), role, shape, offset };
        offset += parameter.len();
        layout.parameters.push(parameter);
    }
    layout.convolutions.push(Convolution {
        name: "layer".into(),
        operator,
        kernel: full,
        inputs: all_inputs,
        outputs: all_outputs,
        weight: 0,
        scale_or_bias: 1,
        shift: Some(2),
        closes_skip: false,
    });
    layout
}

impl Case {
    pub(super) fn gated(mut self) -> Self {
        self.layer.shape.gated = true;
        self
    }

    pub(super) fn stored(self, storage: WeightStorage) -> Self {
        Self { storage, ..self }
    }

    pub(super) fn in_halves(mut self) -> Self {
        self.traits.arithmetic = Arithmetic::F16;
        self
    }

    /// A matrix with a bias instead of a convolution with batch norm.
    pub(super) fn linear(mut self) -> Self {
        self.layer.shape.operator = Operator::Linear;
        self.layer.norm_epsilon = None;
        for convolution in &mut self.layout.convolutions {
            (convolution.operator, convolution.shift) = (Operator::Linear, None);
        }
        self
    }
}
