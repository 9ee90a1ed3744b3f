use nestling_core::space::{Layer, LayerShape};
use nestling_shaders::LayerParameters;

/// The part of a layer's shape that a kernel reads; where things are is zero.
pub(in crate::engine) fn shape_parameters(shape: &LayerShape) -> LayerParameters {
    LayerParameters {
        input_width: shape.input.width,
        input_height: shape.input.height,
        input_groups: shape.input.channels.div_ceil(4),
        output_width: shape.output.width,
        output_height: shape.output.height,
        output_groups: shape.output.channels.div_ceil(4),
        weight_kernel: shape.kernel,
        kernel: shape.kernel,
        flags: LayerParameters::flags(
            shape.stride,
            shape.activation,
            shape.residual,
            shape.gated,
            shape.operator.is_per_channel(),
        ),
        ..LayerParameters::default()
    }
}

/// A scale and a shift for every channel of a layer, as kernels read them: two elements for each group, zero for
/// channels that the child does not have.
pub(in crate::engine) fn pairs(layer: &Layer, pair: impl Fn(usize) -> (f64, f64)) -> Vec<[f32; 4]> {
    let channels = layer.shape.output.channels as usize;
    let pair = |channel: usize| if channel < channels { pair(channel) } else { (0.0, 0.0) };
    (0..channels.div_ceil(4))
        .flat_map(|group| {
            let pairs: [(f64, f64); 4] = std::array::from_fn(|lane| pair(4 * group + lane));
            [pairs.map(|(scale, _)| scale as f32), pairs.map(|(_, shift)| shift as f32)]
        })
        .collect()
}

/// Elements of scales and shifts that a layer reads.
pub(in crate::engine) fn norm_elements(layer: &Layer) -> u64 {
    if layer.convolution.is_some() { 2 * u64::from(layer.shape.output.channels.div_ceil(4)) } else { 0 }
}
