// kernel      pointwise, workgroups of 64
// tile        4 pixels by 2 groups of 4 output channels, weights from the buffer
// epilogue    swish or identity, residual: as the layer says
// gate        always
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

// The factors of an input group.
fn gate_of(input_group: u32) -> vec4<f32> {
    return source[layer.gate_offset + input_group];
}

fn gated(x: vec4<f32>, gate: vec4<f32>) -> vec4<f32> {
    return x * gate;
}

// exp(-x), kept finite: WGSL does not promise infinities.
fn exp_minus(x: vec4<f32>) -> vec4<f32> {
    return exp(min(-x, vec4<f32>(80.0)));
}

// swish
fn activate(x: vec4<f32>) -> vec4<f32> {
    return x / (1.0 + exp_minus(x));
}

// Batch norm (or bias), residual and activation of one element of the output.
fn epilogue(sum: vec4<f32>, scale: vec4<f32>, shift: vec4<f32>, index: u32) {
    var value = sum * scale + shift;
    // The destination holds the residual; no other thread reads or writes this element.
    if (layer.flags & RESIDUAL_OUTPUT) != 0u {
        value += destination[index];
    }
    let is_identity = ((layer.flags >> ACTIVATION_SHIFT) & ACTIVATION_MASK) == IDENTITY;
    destination[index] = select(activate(value), value, is_identity);
}

@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;

// Four output channels' weights, stored as f32.
fn weight(index: u32) -> vec4<f32> {
    let stored = weights[index];
    return stored;
}

const TILE_PIXELS: u32 = 4u;
const TILE_GROUPS: u32 = 2u;

// A thread computes TILE_PIXELS pixels, WORKGROUP apart, of TILE_GROUPS groups of four output channels.
@compute @workgroup_size(WORKGROUP)
fn pointwise(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixels = layer.output_width * layer.output_height;
    let last_group = layer.output_groups - 1u;
    let group = workgroup.y * TILE_GROUPS;
    let first_pixel = workgroup.x * WORKGROUP * TILE_PIXELS + lane;
    // Threads past the end read the last pixel and write nothing. They stay, for their lanes hold weights.
    var source_p0 = min(first_pixel, pixels - 1u);
    var source_p1 = min(first_pixel + 1u * WORKGROUP, pixels - 1u);
    var source_p2 = min(first_pixel + 2u * WORKGROUP, pixels - 1u);
    var source_p3 = min(first_pixel + 3u * WORKGROUP, pixels - 1u);
    var column_g0 = layer.weight_offset + min(group, last_group) * layer.weight_stride;
    var column_g1 = layer.weight_offset + min(group + 1u, last_group) * layer.weight_stride;
    var sum_g0_p0 = vec4<f32>();
    var sum_g0_p1 = vec4<f32>();
    var sum_g0_p2 = vec4<f32>();
    var sum_g0_p3 = vec4<f32>();
    var sum_g1_p0 = vec4<f32>();
    var sum_g1_p1 = vec4<f32>();
    var sum_g1_p2 = vec4<f32>();
    var sum_g1_p3 = vec4<f32>();
    for (var i = 0u; i < layer.input_groups; i++) {
        let gate = gate_of(i);
        let matrix_g0 = mat4x4<f32>(
            weight(column_g0),
            weight(column_g0 + 1u),
            weight(column_g0 + 2u),
            weight(column_g0 + 3u),
        );
        column_g0 += 4u;
        let matrix_g1 = mat4x4<f32>(
            weight(column_g1),
            weight(column_g1 + 1u),
            weight(column_g1 + 2u),
            weight(column_g1 + 3u),
        );
        column_g1 += 4u;
        let input_p0 = source[source_p0] * gate;
        source_p0 += pixels;
        sum_g0_p0 += matrix_g0 * input_p0;
        sum_g1_p0 += matrix_g1 * input_p0;
        let input_p1 = source[source_p1] * gate;
        source_p1 += pixels;
        sum_g0_p1 += matrix_g0 * input_p1;
        sum_g1_p1 += matrix_g1 * input_p1;
        let input_p2 = source[source_p2] * gate;
        source_p2 += pixels;
        sum_g0_p2 += matrix_g0 * input_p2;
        sum_g1_p2 += matrix_g1 * input_p2;
        let input_p3 = source[source_p3] * gate;
        source_p3 += pixels;
        sum_g0_p3 += matrix_g0 * input_p3;
        sum_g1_p3 += matrix_g1 * input_p3;
    }
    // A loop over groups, for the epilogue is long: compilers take longer over it than over the sums.
    for (var g = 0u; g < TILE_GROUPS && group + g <= last_group; g++) {
        write(group + g, first_pixel, pixels, sum_g0_p0, sum_g0_p1, sum_g0_p2, sum_g0_p3);
        // The next group's sums become the first's.
        sum_g0_p0 = sum_g1_p0;
        sum_g0_p1 = sum_g1_p1;
        sum_g0_p2 = sum_g1_p2;
        sum_g0_p3 = sum_g1_p3;
    }
}

// Ends one group of a thread's pixels.
fn write(
    group: u32,
    first_pixel: u32,
    pixels: u32,
    sum_p0: vec4<f32>,
    sum_p1: vec4<f32>,
    sum_p2: vec4<f32>,
    sum_p3: vec4<f32>,
) {
    let norm = layer.norm_offset + 2u * group;
    let scale = norms[norm];
    let shift = norms[norm + 1u];
    var pixel = first_pixel;
    if pixel < pixels {
        epilogue(sum_p0, scale, shift, group * pixels + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        epilogue(sum_p1, scale, shift, group * pixels + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        epilogue(sum_p2, scale, shift, group * pixels + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        epilogue(sum_p3, scale, shift, group * pixels + pixel);
    }
}
