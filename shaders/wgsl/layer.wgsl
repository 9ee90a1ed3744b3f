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
    reserved: u32,
}

// 0 identity, 1 ReLU, 2 ReLU6, 3 swish, 4 hard swish.
override ACTIVATION: u32 = 0u;
override RESIDUAL: bool = false;
override KERNEL: u32 = 3u;
override STRIDE: u32 = 1u;
// Channels of the image, for the first layer.
override INPUT_CHANNELS: u32 = 3u;
override WORKGROUP: u32 = 8u;

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> norms: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> layer: Layer;

fn activate(x: vec4<f32>) -> vec4<f32> {
    if ACTIVATION == 1u {
        return max(x, vec4<f32>(0.0));
    }
    if ACTIVATION == 2u {
        return clamp(x, vec4<f32>(0.0), vec4<f32>(6.0));
    }
    if ACTIVATION == 3u {
        return x / (1.0 + exp(-x));
    }
    if ACTIVATION == 4u {
        return x * clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0);
    }
    return x;
}

// Batch norm, residual and activation. The residual is what the destination holds: every thread reads only what it
// then overwrites.
fn close(sum: vec4<f32>, scale: vec4<f32>, shift: vec4<f32>, index: u32) {
    var value = sum * scale + shift;
    if RESIDUAL {
        value += destination[index];
    }
    destination[index] = activate(value);
}
