// kernel      average_pool, workgroups of 64
// window      1x1 pixels, stride 1

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

// The mean over squares of KERNEL pixels at distances of STRIDE. A thread computes one pixel of one group of channels.
// A square that the image cuts off is the mean of the pixels that are left.

@compute @workgroup_size(WORKGROUP)
fn average_pool(@builtin(global_invocation_id) thread: vec3<u32>) {
    let pixels = layer.output_width * layer.output_height;
    let group = thread.x / pixels;
    let pixel = thread.x % pixels;
    if group >= layer.output_groups {
        return;
    }
    let top = pixel / layer.output_width * STRIDE;
    let left = pixel % layer.output_width * STRIDE;
    let bottom = min(top + KERNEL, layer.input_height);
    let right = min(left + KERNEL, layer.input_width);
    let plane = group * layer.input_width * layer.input_height;
    var sum = vec4<f32>();
    for (var row = top; row < bottom; row++) {
        for (var column = left; column < right; column++) {
            sum += source[plane + row * layer.input_width + column];
        }
    }
    destination[group * pixels + pixel] = sum / f32((bottom - top) * (right - left));
}
