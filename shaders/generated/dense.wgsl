// kernel      dense, workgroups of 64
// window      3x3 pixels of 3 channels, stride 2
// epilogue    hard_swish, no residual
// weights     f32
// products    f32

const WORKGROUP: u32 = 64u;
const KERNEL: u32 = 3u;
const STRIDE: u32 = 2u;
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

// hard_swish
fn activate(x: vec4<f32>) -> vec4<f32> {
    return x * clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0);
}

// Batch norm (or bias), residual and activation of one element of the output.
fn epilogue(sum: vec4<f32>, scale: vec4<f32>, shift: vec4<f32>, index: u32) {
    var value = sum * scale + shift;
    destination[index] = activate(value);
}

@group(0) @binding(1) var<storage, read> weights: array<vec4<f32>>;

// Four output channels' weights, stored as f32.
fn weight(index: u32) -> vec4<f32> {
    let stored = weights[index];
    return stored;
}

const TILE_PIXELS: u32 = 8u;
const TILE_GROUPS: u32 = 2u;

// A pixel of an input row; zero beside the image.
fn input_at(row_start: u32, column: i32) -> vec4<f32> {
    let last_column = i32(layer.input_width) - 1;
    let value = source[row_start + u32(clamp(column, 0, last_column))];
    return select(vec4<f32>(), value, column >= 0 && column <= last_column);
}

// A thread computes TILE_PIXELS neighbouring pixels of TILE_GROUPS groups of output channels.
@compute @workgroup_size(WORKGROUP)
fn dense(@builtin(global_invocation_id) thread: vec3<u32>) {
    let tiles_per_row = (layer.output_width + TILE_PIXELS - 1u) / TILE_PIXELS;
    let row = thread.x / tiles_per_row;
    let column = thread.x % tiles_per_row * TILE_PIXELS;
    let group = thread.y * TILE_GROUPS;
    let last_group = layer.output_groups - 1u;
    if row >= layer.output_height {
        return;
    }
    let left = i32(column * STRIDE) - i32(layer.padding);
    let weights_g0 = layer.weight_offset + min(group, last_group) * layer.weight_stride;
    let weights_g1 = layer.weight_offset + min(group + 1u, last_group) * layer.weight_stride;
    var sum_g0_p0 = vec4<f32>();
    var sum_g0_p1 = vec4<f32>();
    var sum_g0_p2 = vec4<f32>();
    var sum_g0_p3 = vec4<f32>();
    var sum_g0_p4 = vec4<f32>();
    var sum_g0_p5 = vec4<f32>();
    var sum_g0_p6 = vec4<f32>();
    var sum_g0_p7 = vec4<f32>();
    var sum_g1_p0 = vec4<f32>();
    var sum_g1_p1 = vec4<f32>();
    var sum_g1_p2 = vec4<f32>();
    var sum_g1_p3 = vec4<f32>();
    var sum_g1_p4 = vec4<f32>();
    var sum_g1_p5 = vec4<f32>();
    var sum_g1_p6 = vec4<f32>();
    var sum_g1_p7 = vec4<f32>();
    for (var kernel_row = 0u; kernel_row < KERNEL; kernel_row++) {
        let input_row = i32(row * STRIDE + kernel_row) - i32(layer.padding);
        if input_row < 0 || input_row >= i32(layer.input_height) {
            continue;
        }
        let row_start = u32(input_row) * layer.input_width;
        // The pixels under the first column of the kernel and to their right; zero beside the image.
        var input0 = input_at(row_start, left);
        var input1 = input_at(row_start, left + 1);
        var input2 = input_at(row_start, left + 2);
        var input3 = input_at(row_start, left + 3);
        var input4 = input_at(row_start, left + 4);
        var input5 = input_at(row_start, left + 5);
        var input6 = input_at(row_start, left + 6);
        var input7 = input_at(row_start, left + 7);
        var input8 = input_at(row_start, left + 8);
        var input9 = input_at(row_start, left + 9);
        var input10 = input_at(row_start, left + 10);
        var input11 = input_at(row_start, left + 11);
        var input12 = input_at(row_start, left + 12);
        var input13 = input_at(row_start, left + 13);
        var input14 = input_at(row_start, left + 14);
        var input15 = input_at(row_start, left + 15);
        var input16 = input_at(row_start, left + 16);
        // A loop, under which the line of pixels moves on: one text loads the weights of all columns.
        for (var kernel_column = 0u; kernel_column < KERNEL; kernel_column++) {
            let tap = 4u * (kernel_row * KERNEL + kernel_column);
            let weight_g0_c0 = weight(weights_g0 + tap);
            sum_g0_p0 += weight_g0_c0 * input0[0];
            sum_g0_p1 += weight_g0_c0 * input2[0];
            sum_g0_p2 += weight_g0_c0 * input4[0];
            sum_g0_p3 += weight_g0_c0 * input6[0];
            sum_g0_p4 += weight_g0_c0 * input8[0];
            sum_g0_p5 += weight_g0_c0 * input10[0];
            sum_g0_p6 += weight_g0_c0 * input12[0];
            sum_g0_p7 += weight_g0_c0 * input14[0];
            let weight_g1_c0 = weight(weights_g1 + tap);
            sum_g1_p0 += weight_g1_c0 * input0[0];
            sum_g1_p1 += weight_g1_c0 * input2[0];
            sum_g1_p2 += weight_g1_c0 * input4[0];
            sum_g1_p3 += weight_g1_c0 * input6[0];
            sum_g1_p4 += weight_g1_c0 * input8[0];
            sum_g1_p5 += weight_g1_c0 * input10[0];
            sum_g1_p6 += weight_g1_c0 * input12[0];
            sum_g1_p7 += weight_g1_c0 * input14[0];
            let weight_g0_c1 = weight(weights_g0 + tap + 1u);
            sum_g0_p0 += weight_g0_c1 * input0[1];
            sum_g0_p1 += weight_g0_c1 * input2[1];
            sum_g0_p2 += weight_g0_c1 * input4[1];
            sum_g0_p3 += weight_g0_c1 * input6[1];
            sum_g0_p4 += weight_g0_c1 * input8[1];
            sum_g0_p5 += weight_g0_c1 * input10[1];
            sum_g0_p6 += weight_g0_c1 * input12[1];
            sum_g0_p7 += weight_g0_c1 * input14[1];
            let weight_g1_c1 = weight(weights_g1 + tap + 1u);
            sum_g1_p0 += weight_g1_c1 * input0[1];
            sum_g1_p1 += weight_g1_c1 * input2[1];
            sum_g1_p2 += weight_g1_c1 * input4[1];
            sum_g1_p3 += weight_g1_c1 * input6[1];
            sum_g1_p4 += weight_g1_c1 * input8[1];
            sum_g1_p5 += weight_g1_c1 * input10[1];
            sum_g1_p6 += weight_g1_c1 * input12[1];
            sum_g1_p7 += weight_g1_c1 * input14[1];
            let weight_g0_c2 = weight(weights_g0 + tap + 2u);
            sum_g0_p0 += weight_g0_c2 * input0[2];
            sum_g0_p1 += weight_g0_c2 * input2[2];
            sum_g0_p2 += weight_g0_c2 * input4[2];
            sum_g0_p3 += weight_g0_c2 * input6[2];
            sum_g0_p4 += weight_g0_c2 * input8[2];
            sum_g0_p5 += weight_g0_c2 * input10[2];
            sum_g0_p6 += weight_g0_c2 * input12[2];
            sum_g0_p7 += weight_g0_c2 * input14[2];
            let weight_g1_c2 = weight(weights_g1 + tap + 2u);
            sum_g1_p0 += weight_g1_c2 * input0[2];
            sum_g1_p1 += weight_g1_c2 * input2[2];
            sum_g1_p2 += weight_g1_c2 * input4[2];
            sum_g1_p3 += weight_g1_c2 * input6[2];
            sum_g1_p4 += weight_g1_c2 * input8[2];
            sum_g1_p5 += weight_g1_c2 * input10[2];
            sum_g1_p6 += weight_g1_c2 * input12[2];
            sum_g1_p7 += weight_g1_c2 * input14[2];
            input0 = input1;
            input1 = input2;
            input2 = input3;
            input3 = input4;
            input4 = input5;
            input5 = input6;
            input6 = input7;
            input7 = input8;
            input8 = input9;
            input9 = input10;
            input10 = input11;
            input11 = input12;
            input12 = input13;
            input13 = input14;
            input14 = input15;
            input15 = input16;
        }
    }
    // A loop over groups, for the epilogue is long: compilers take longer over it than over the sums.
    for (var g = 0u; g < TILE_GROUPS && group + g <= last_group; g++) {
        let norm = layer.norm_offset + 2u * (group + g);
        let scale = norms[norm];
        let shift = norms[norm + 1u];
        let output = ((group + g) * layer.output_height + row) * layer.output_width + column;
        if column < layer.output_width {
            epilogue(sum_g0_p0, scale, shift, output);
        }
        if column + 1u < layer.output_width {
            epilogue(sum_g0_p1, scale, shift, output + 1u);
        }
        if column + 2u < layer.output_width {
            epilogue(sum_g0_p2, scale, shift, output + 2u);
        }
        if column + 3u < layer.output_width {
            epilogue(sum_g0_p3, scale, shift, output + 3u);
        }
        if column + 4u < layer.output_width {
            epilogue(sum_g0_p4, scale, shift, output + 4u);
        }
        if column + 5u < layer.output_width {
            epilogue(sum_g0_p5, scale, shift, output + 5u);
        }
        if column + 6u < layer.output_width {
            epilogue(sum_g0_p6, scale, shift, output + 6u);
        }
        if column + 7u < layer.output_width {
            epilogue(sum_g0_p7, scale, shift, output + 7u);
        }
        // The next group's sums become the first's.
        sum_g0_p0 = sum_g1_p0;
        sum_g0_p1 = sum_g1_p1;
        sum_g0_p2 = sum_g1_p2;
        sum_g0_p3 = sum_g1_p3;
        sum_g0_p4 = sum_g1_p4;
        sum_g0_p5 = sum_g1_p5;
        sum_g0_p6 = sum_g1_p6;
        sum_g0_p7 = sum_g1_p7;
    }
}
