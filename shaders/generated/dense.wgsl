// kernel      dense, workgroups of 64
// window      3x3 pixels of 3 channels, stride 2
// epilogue    hard_swish, no residual
// gate        none
// products    f32
// weights     f32

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

// The factors of an input group.
fn gate_of(input_group: u32) -> vec4<f32> {
    return vec4<f32>(1.0);
}

fn gated(x: vec4<f32>, gate: vec4<f32>) -> vec4<f32> {
    return x;
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

// 8 neighbouring outputs of 2 groups of output channels a thread.
@compute @workgroup_size(WORKGROUP)
fn dense(@builtin(global_invocation_id) thread: vec3<u32>) {
    let tiles_per_row = (layer.output_width + 8u - 1u) / 8u;
    let row = thread.x / tiles_per_row;
    let column = thread.x % tiles_per_row * 8u;
    let group = thread.y * 2u;
    let last_group = layer.output_groups - 1u;
    if row >= layer.output_height {
        return;
    }
    let left = i32(column * STRIDE) - i32(layer.padding);
    let last_column = i32(layer.input_width) - 1;
    let weights_g0 = layer.weight_offset + min(group + 0u, last_group) * layer.weight_stride;
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
        var input0 = select(vec4<f32>(), source[row_start + u32(clamp(left + 0, 0, last_column))], left + 0 >= 0 && left + 0 <= last_column);
        var input1 = select(vec4<f32>(), source[row_start + u32(clamp(left + 1, 0, last_column))], left + 1 >= 0 && left + 1 <= last_column);
        var input2 = select(vec4<f32>(), source[row_start + u32(clamp(left + 2, 0, last_column))], left + 2 >= 0 && left + 2 <= last_column);
        var input3 = select(vec4<f32>(), source[row_start + u32(clamp(left + 3, 0, last_column))], left + 3 >= 0 && left + 3 <= last_column);
        var input4 = select(vec4<f32>(), source[row_start + u32(clamp(left + 4, 0, last_column))], left + 4 >= 0 && left + 4 <= last_column);
        var input5 = select(vec4<f32>(), source[row_start + u32(clamp(left + 5, 0, last_column))], left + 5 >= 0 && left + 5 <= last_column);
        var input6 = select(vec4<f32>(), source[row_start + u32(clamp(left + 6, 0, last_column))], left + 6 >= 0 && left + 6 <= last_column);
        var input7 = select(vec4<f32>(), source[row_start + u32(clamp(left + 7, 0, last_column))], left + 7 >= 0 && left + 7 <= last_column);
        var input8 = select(vec4<f32>(), source[row_start + u32(clamp(left + 8, 0, last_column))], left + 8 >= 0 && left + 8 <= last_column);
        var input9 = select(vec4<f32>(), source[row_start + u32(clamp(left + 9, 0, last_column))], left + 9 >= 0 && left + 9 <= last_column);
        var input10 = select(vec4<f32>(), source[row_start + u32(clamp(left + 10, 0, last_column))], left + 10 >= 0 && left + 10 <= last_column);
        var input11 = select(vec4<f32>(), source[row_start + u32(clamp(left + 11, 0, last_column))], left + 11 >= 0 && left + 11 <= last_column);
        var input12 = select(vec4<f32>(), source[row_start + u32(clamp(left + 12, 0, last_column))], left + 12 >= 0 && left + 12 <= last_column);
        var input13 = select(vec4<f32>(), source[row_start + u32(clamp(left + 13, 0, last_column))], left + 13 >= 0 && left + 13 <= last_column);
        var input14 = select(vec4<f32>(), source[row_start + u32(clamp(left + 14, 0, last_column))], left + 14 >= 0 && left + 14 <= last_column);
        var input15 = select(vec4<f32>(), source[row_start + u32(clamp(left + 15, 0, last_column))], left + 15 >= 0 && left + 15 <= last_column);
        var input16 = select(vec4<f32>(), source[row_start + u32(clamp(left + 16, 0, last_column))], left + 16 >= 0 && left + 16 <= last_column);
        // A loop, under which the line of pixels moves on: one text loads the weights of all columns.
        for (var kernel_column = 0u; kernel_column < KERNEL; kernel_column++) {
            let tap = 4u * (kernel_row * KERNEL + kernel_column);
            let weight_g0_c0 = weight(weights_g0 + tap + 0u);
            sum_g0_p0 += weight_g0_c0 * input0[0];
            sum_g0_p1 += weight_g0_c0 * input2[0];
            sum_g0_p2 += weight_g0_c0 * input4[0];
            sum_g0_p3 += weight_g0_c0 * input6[0];
            sum_g0_p4 += weight_g0_c0 * input8[0];
            sum_g0_p5 += weight_g0_c0 * input10[0];
            sum_g0_p6 += weight_g0_c0 * input12[0];
            sum_g0_p7 += weight_g0_c0 * input14[0];
            let weight_g1_c0 = weight(weights_g1 + tap + 0u);
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
    for (var g = 0u; g < 2u && group + g <= last_group; g++) {
        let norm = layer.norm_offset + 2u * (group + g);
        let scale = norms[norm];
        let shift = norms[norm + 1u];
        let output = ((group + g) * layer.output_height + row) * layer.output_width + column;
        if column + 0u < layer.output_width {
            epilogue(sum_g0_p0, scale, shift, output + 0u);
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
