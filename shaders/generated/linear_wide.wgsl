// kernel      linear_wide, workgroups of 64
// epilogue    activation and residual: as the layer says
// weights     f32
// products    f32

const WORKGROUP: u32 = 64u;
const KERNEL: u32 = 1u;
const STRIDE: u32 = 1u;
const STRIDE_MASK: u32 = 255u;
const ACTIVATION_SHIFT: u32 = 8u;
const ACTIVATION_MASK: u32 = 255u;
const RESIDUAL_OUTPUT: u32 = 65536u;
const GATED_INPUT: u32 = 131072u;
const DEPTHWISE: u32 = 262144u;
const IDENTITY: u32 = 0u;

// Buffers and parameters of a layer.
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
    // First element of the input in the source; read only by pointwise_small, linear_wide and fallback.
    source_offset: u32,
    // First element of the output in the destination; read only by pools over all pixels, pointwise_small, linear_wide
    // and fallback.
    destination_offset: u32,
    // First element of the gate in the source; read only by gated pointwise kernels.
    gate_offset: u32,
    // The child's kernel size; read only by fallback, which is specialised to nothing.
    kernel: u32,
    // Bits 0 to 7 stride, 8 to 15 activation, 16 residual, 17 gated, 18 depthwise. A kernel reads only those that it is
    // not specialised to.
    flags: u32,
}

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> norms: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> layer: Layer;

// exp(-x), kept finite: WGSL does not promise infinities.
fn exp_minus(x: vec4<f32>) -> vec4<f32> {
    return exp(min(-x, vec4<f32>(80.0)));
}

// Any activation, without a branch: quick to compile, and software would run all branches anyway.
fn activate(x: vec4<f32>) -> vec4<f32> {
    let activation = (layer.flags >> ACTIVATION_SHIFT) & ACTIVATION_MASK;
    var y = x;
    y = select(y, max(x, vec4<f32>(0.0)), activation == 1u); // relu
    y = select(y, clamp(x, vec4<f32>(0.0), vec4<f32>(6.0)), activation == 2u); // relu6
    y = select(y, x / (1.0 + exp_minus(x)), activation == 3u); // swish
    y = select(y, x * clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0), activation == 4u); // hard_swish
    y = select(y, 1.0 / (1.0 + exp_minus(x)), activation == 5u); // sigmoid
    y = select(y, clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0), activation == 6u); // hard_sigmoid
    return y;
}

// Batch norm (or bias), residual and activation of one element of the output.
fn epilogue(sum: vec4<f32>, scale: vec4<f32>, shift: vec4<f32>, index: u32) {
    var value = sum * scale + shift;
    // The destination holds the residual; no other thread reads or writes this element.
    if (layer.flags & RESIDUAL_OUTPUT) != 0u {
        value += destination[index];
    }
    destination[index] = activate(value);
}

@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;

// Four output channels' weights, stored as f32.
fn weight(index: u32) -> vec4<f32> {
    let stored = weights[index];
    return stored;
}

// A matrix over one pixel, one group of output channels a workgroup. A thread adds every 64th input group, then threads
// add each other's sums. That keeps a real GPU busy where a matrix is small; software is faster with pointwise_small.
//
// Weight: [output group][input group][input channel of the group], four output channels an element.

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn linear_wide(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = workgroup.x;
    let first_column = layer.weight_offset + group * layer.weight_stride;
    var sum = vec4<f32>();
    for (var i = lane; i < layer.input_groups; i += 64u) {
        let column = first_column + 4u * i;
        let matrix = mat4x4<f32>(weight(column), weight(column + 1u), weight(column + 2u), weight(column + 3u));
        sum += matrix * source[layer.source_offset + i];
    }
    sums[lane] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] += sums[lane + half];
        }
    }
    if lane == 0u {
        let norm = layer.norm_offset + 2u * group;
        epilogue(sums[0], norms[norm], norms[norm + 1u], layer.destination_offset + group);
    }
}
