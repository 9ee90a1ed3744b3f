use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::{
    Convolution, Layer, LayerShape, Operator, Padding, Parameter, ParameterLayout, Role, Shape,
};
use nestling_core::weights::WeightStorage;

/// One layer of any shape, as a slice of a larger convolution.
#[derive(Clone, Debug)]
pub(in crate::engine) struct LayerCase {
    pub(in crate::engine) layer: Layer,
    pub(in crate::engine) layout: ParameterLayout,
    pub(in crate::engine) seed: u64,
    /// Elements before the input and before the output, of the kernels that know of them.
    pub(in crate::engine) offsets: (u32, u32),
    /// Where inputs are drawn from: -1 to 1 times this.
    pub(in crate::engine) input_range: f32,
    pub(in crate::engine) storage: WeightStorage,
    /// The number type of products in the kernel that is tested.
    pub(in crate::engine) arithmetic: Arithmetic,
}

/// The larger convolution that a layer is a slice of.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Slice {
    /// Its kernel size.
    pub(in crate::engine) kernel: u32,
    /// Groups of four channels that it has more.
    pub(in crate::engine) more_inputs: u32,
    pub(in crate::engine) more_outputs: u32,
    pub(in crate::engine) padding: Padding,
}

impl LayerCase {
    /// A layer of this kind: the sizes of `kind` are not read.
    pub(in crate::engine) fn new(kind: LayerShape, slice: Slice, input: Shape, outputs: u32, seed: u64) -> Self {
        let operator = kind.operator;
        let outputs = if operator.is_per_channel() { input.channels } else { outputs };
        let (before, height, width) = extent(&kind, slice.padding, input);
        let output = Shape { channels: outputs, height, width };
        let shape = LayerShape { input, output, ..kind };
        let layout = layout(&shape, slice);
        let has_weight = !layout.convolutions.is_empty();
        let layer = Layer {
            name: "layer".into(),
            shape,
            padding: before,
            convolution: has_weight.then_some(0),
            norm_epsilon: (has_weight && operator != Operator::Linear).then_some(1e-3),
            input: None,
            gate: None,
            residual: shape.residual.then_some(0),
        };
        let (storage, arithmetic) = (WeightStorage::F32, Arithmetic::F32);
        Self { layer, layout, seed, offsets: (0, 0), input_range: 1.0, storage, arithmetic }
    }
}

/// Zeros before the image, and the output's height and width.
fn extent(kind: &LayerShape, padding: Padding, input: Shape) -> (u32, u32, u32) {
    let LayerShape { kernel: size, stride, .. } = *kind;
    match (kind.operator, padding) {
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

/// The one convolution that the layer is a slice of; none where an operator has no weights.
fn layout(shape: &LayerShape, slice: Slice) -> ParameterLayout {
    let operator = shape.operator;
    let mut layout = ParameterLayout { convolutions: Vec::new(), parameters: Vec::new() };
    if !operator.row().has_weights {
        return layout;
    }
    let all_inputs = shape.input.channels + 4 * slice.more_inputs;
    let all_outputs = match operator.is_per_channel() {
        true => all_inputs,
        false => shape.output.channels + 4 * slice.more_outputs,
    };
    let columns = operator.channels_read(all_inputs);
    let mut offset = 0;
    for (role, shape) in [
        (Role::Weight, vec![all_outputs, columns, slice.kernel, slice.kernel]),
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
        kernel: slice.kernel,
        inputs: all_inputs,
        outputs: all_outputs,
        weight: 0,
        scale_or_bias: 1,
        // A matrix has a bias.
        shift: (operator != Operator::Linear).then_some(2),
        closes_skip: false,
    });
    layout
}
