// kernel      normalise, workgroups of 64
// epilogue    activation and residual: as the layer says

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

// The epilogue over sums that were kept, one pixel of one group of channels a thread. Calibration runs it where the
// statistics were not known when the sums were made.

@compute @workgroup_size(WORKGROUP)
fn normalise(@builtin(global_invocation_id) thread: vec3<u32>) {
    let pixels = layer.output_width * layer.output_height;
    if thread.x >= pixels {
        return;
    }
    let group = thread.y;
    let index = group * pixels + thread.x;
    let norm = layer.norm_offset + 2u * group;
    epilogue(source[index], norms[norm], norms[norm + 1u], index);
}
