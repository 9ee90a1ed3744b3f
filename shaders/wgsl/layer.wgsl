// What the kernels of a network's layers share: buffers, a layer's parameters, and what closes every layer.
//
// Activations are planar groups of four channels: channels 4g..4g+3 of pixel p are element g * pixels + p.

struct Layer {
    input_width: u32,
    input_height: u32,
    // Groups of four channels that the child reads.
    input_groups: u32,
    output_width: u32,
    output_height: u32,
    // Groups of four channels that the child writes.
    output_groups: u32,
    // First element of the layer's weight.
    weight_offset: u32,
    // Elements from one group of output channels to the next: the supernet's, not the child's.
    weight_stride: u32,
    // The supernet's kernel size; a smaller kernel is its centre.
    weight_kernel: u32,
    // First element of the child's scales and shifts for the layer; they alternate, a pair for each group.
    norm_offset: u32,
    // Rows and columns of zeros before the image.
    padding: u32,
    // First element of the input in the source; only pointwise_small and linear_wide look.
    source_offset: u32,
    // First element of the output in the destination; only pools over all pixels, pointwise_small and linear_wide look.
    destination_offset: u32,
    // First element of the gate in the source; only gated pointwise kernels look.
    gate_offset: u32,
    // The child's kernel size; only plain looks, for it is specialised to nothing.
    kernel: u32,
    // Bits 0 to 7 stride, 8 to 15 activation, 16 residual, 17 gated, 18 depthwise; only what is not specialised looks.
    how: u32,
}

// 0 identity, 1 ReLU, 2 ReLU6, 3 swish, 4 hard swish, 5 sigmoid, 6 hard sigmoid.
override ACTIVATION: u32 = 0u;
override RESIDUAL: bool = false;
// Whether a pointwise kernel's input is first multiplied by a factor of each channel.
override GATED: bool = false;
// Whether the three above are read from the layer's parameters instead: one pipeline for all of them.
override FROM_LAYER: bool = false;
override KERNEL: u32 = 3u;
override STRIDE: u32 = 1u;
// Channels of the image, for the first layer.
override INPUT_CHANNELS: u32 = 3u;
override WORKGROUP: u32 = 8u;

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> norms: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> layer: Layer;

// Bits of `layer.how`.
const RESIDUAL_OUTPUT: u32 = 65536u;
const GATED_INPUT: u32 = 131072u;
const DEPTHWISE: u32 = 262144u;

fn activate(x: vec4<f32>) -> vec4<f32> {
    if FROM_LAYER {
        return activate_as((layer.how >> 8u) & 255u, x);
    }
    if ACTIVATION == 1u {
        return max(x, vec4<f32>(0.0));
    }
    if ACTIVATION == 2u {
        return clamp(x, vec4<f32>(0.0), vec4<f32>(6.0));
    }
    if ACTIVATION == 3u {
        return x / (1.0 + exp_minus(x));
    }
    if ACTIVATION == 4u {
        return x * clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0);
    }
    if ACTIVATION == 5u {
        return 1.0 / (1.0 + exp_minus(x));
    }
    if ACTIVATION == 6u {
        return clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0);
    }
    return x;
}

// Any activation without a branch: quick to compile, and software would run all branches anyway.
fn activate_as(activation: u32, x: vec4<f32>) -> vec4<f32> {
    let most = select(3.0e38, 6.0, activation == 2u);
    let least = select(-3.0e38, 0.0, activation == 1u || activation == 2u);
    let soft = 1.0 / (1.0 + exp_minus(x));
    let hard = clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0);
    let factor = select(soft, hard, activation == 4u || activation == 6u);
    let cut = clamp(x, vec4<f32>(least), vec4<f32>(most));
    let shaped = factor * select(x, vec4<f32>(1.0), activation >= 5u);
    return select(cut, shaped, activation >= 3u);
}

// exp(-x), kept finite: WGSL does not promise infinities.
fn exp_minus(x: vec4<f32>) -> vec4<f32> {
    return exp(min(-x, vec4<f32>(80.0)));
}

// The factors of an input group; read once a step.
fn gate_of(input_group: u32) -> vec4<f32> {
    if GATED {
        return source[layer.gate_offset + input_group];
    }
    if FROM_LAYER {
        let is_gated = (layer.how & GATED_INPUT) != 0u;
        return select(vec4<f32>(1.0), source[layer.gate_offset + input_group], is_gated);
    }
    return vec4<f32>(1.0);
}

fn gated(x: vec4<f32>, gate: vec4<f32>) -> vec4<f32> {
    if GATED || FROM_LAYER {
        return x * gate;
    }
    return x;
}

// Batch norm, residual and activation. The residual is what the destination holds: every thread reads only what it
// then overwrites.
fn close(sum: vec4<f32>, scale: vec4<f32>, shift: vec4<f32>, index: u32) {
    var value = sum * scale + shift;
    if RESIDUAL || (FROM_LAYER && (layer.how & RESIDUAL_OUTPUT) != 0u) {
        value += destination[index];
    }
    destination[index] = activate(value);
}
