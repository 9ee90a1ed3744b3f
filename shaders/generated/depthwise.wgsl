// kernel      depthwise, workgroups of 64
// window      3x3 pixels, stride 2, 4 rows a thread
// epilogue    relu6, no residual
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

// relu6
fn activate(x: vec4<f32>) -> vec4<f32> {
    return clamp(x, vec4<f32>(0.0), vec4<f32>(6.0));
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

const STRIP_COLUMNS: u32 = 4u;
const STRIP_ROWS: u32 = 4u;

// A pixel of an input row; zero beside the image.
fn input_at(row_start: u32, column: i32) -> vec4<f32> {
    let last_column = i32(layer.input_width) - 1;
    let value = source[row_start + u32(clamp(column, 0, last_column))];
    return select(vec4<f32>(), value, column >= 0 && column <= last_column);
}

// A thread computes a strip of STRIP_COLUMNS columns by at most STRIP_ROWS rows of one group of channels.
@compute @workgroup_size(WORKGROUP)
fn depthwise(@builtin(global_invocation_id) thread: vec3<u32>) {
    let strips_per_row = (layer.output_width + STRIP_COLUMNS - 1u) / STRIP_COLUMNS;
    let strips = strips_per_row * ((layer.output_height + STRIP_ROWS - 1u) / STRIP_ROWS);
    let group = thread.x / strips;
    let column = thread.x % strips_per_row * STRIP_COLUMNS;
    let row = thread.x % strips / strips_per_row * STRIP_ROWS;
    if group >= layer.output_groups {
        return;
    }
    let crop = (layer.weight_kernel - KERNEL) / 2u;
    let first_weight = layer.weight_offset + group * layer.weight_stride;
    let first_tap = first_weight + crop * layer.weight_kernel + crop;
    let norm = layer.norm_offset + 2u * group;
    let scale = norms[norm];
    let shift = norms[norm + 1u];
    let plane = group * layer.input_width * layer.input_height;
    let left = i32(column * STRIDE) - i32(layer.padding);
    let top = i32(row * STRIDE) - i32(layer.padding);
    let rows = min(STRIP_ROWS, layer.output_height - row);
    // The taps: the centre of the supernet's kernel.
    let tap_y0_x0 = weight(first_tap + 0u * layer.weight_kernel);
    let tap_y0_x1 = weight(first_tap + 0u * layer.weight_kernel + 1u);
    let tap_y0_x2 = weight(first_tap + 0u * layer.weight_kernel + 2u);
    let tap_y1_x0 = weight(first_tap + 1u * layer.weight_kernel);
    let tap_y1_x1 = weight(first_tap + 1u * layer.weight_kernel + 1u);
    let tap_y1_x2 = weight(first_tap + 1u * layer.weight_kernel + 2u);
    let tap_y2_x0 = weight(first_tap + 2u * layer.weight_kernel);
    let tap_y2_x1 = weight(first_tap + 2u * layer.weight_kernel + 1u);
    let tap_y2_x2 = weight(first_tap + 2u * layer.weight_kernel + 2u);
    // Sums of the output rows that have begun; those of age `a` began `a` steps ago.
    var sum_a0_c0 = vec4<f32>();
    var sum_a0_c1 = vec4<f32>();
    var sum_a0_c2 = vec4<f32>();
    var sum_a0_c3 = vec4<f32>();
    var sum_a1_c0 = vec4<f32>();
    var sum_a1_c1 = vec4<f32>();
    var sum_a1_c2 = vec4<f32>();
    var sum_a1_c3 = vec4<f32>();
    for (var step = 0u; step < rows + 1u; step++) {
        var input_row = top + i32(step * STRIDE);
        if input_row >= 0 && input_row < i32(layer.input_height) {
            let row_start = plane + u32(input_row) * layer.input_width;
            let input0 = input_at(row_start, left);
            let input1 = input_at(row_start, left + 1);
            let input2 = input_at(row_start, left + 2);
            let input3 = input_at(row_start, left + 3);
            let input4 = input_at(row_start, left + 4);
            let input5 = input_at(row_start, left + 5);
            let input6 = input_at(row_start, left + 6);
            let input7 = input_at(row_start, left + 7);
            let input8 = input_at(row_start, left + 8);
            sum_a0_c0 += tap_y0_x0 * input0;
            sum_a0_c1 += tap_y0_x0 * input2;
            sum_a0_c2 += tap_y0_x0 * input4;
            sum_a0_c3 += tap_y0_x0 * input6;
            sum_a0_c0 += tap_y0_x1 * input1;
            sum_a0_c1 += tap_y0_x1 * input3;
            sum_a0_c2 += tap_y0_x1 * input5;
            sum_a0_c3 += tap_y0_x1 * input7;
            sum_a0_c0 += tap_y0_x2 * input2;
            sum_a0_c1 += tap_y0_x2 * input4;
            sum_a0_c2 += tap_y0_x2 * input6;
            sum_a0_c3 += tap_y0_x2 * input8;
            sum_a1_c0 += tap_y2_x0 * input0;
            sum_a1_c1 += tap_y2_x0 * input2;
            sum_a1_c2 += tap_y2_x0 * input4;
            sum_a1_c3 += tap_y2_x0 * input6;
            sum_a1_c0 += tap_y2_x1 * input1;
            sum_a1_c1 += tap_y2_x1 * input3;
            sum_a1_c2 += tap_y2_x1 * input5;
            sum_a1_c3 += tap_y2_x1 * input7;
            sum_a1_c0 += tap_y2_x2 * input2;
            sum_a1_c1 += tap_y2_x2 * input4;
            sum_a1_c2 += tap_y2_x2 * input6;
            sum_a1_c3 += tap_y2_x2 * input8;
        }
        input_row += 1;
        if input_row >= 0 && input_row < i32(layer.input_height) {
            let row_start = plane + u32(input_row) * layer.input_width;
            let input0 = input_at(row_start, left);
            let input1 = input_at(row_start, left + 1);
            let input2 = input_at(row_start, left + 2);
            let input3 = input_at(row_start, left + 3);
            let input4 = input_at(row_start, left + 4);
            let input5 = input_at(row_start, left + 5);
            let input6 = input_at(row_start, left + 6);
            let input7 = input_at(row_start, left + 7);
            let input8 = input_at(row_start, left + 8);
            sum_a0_c0 += tap_y1_x0 * input0;
            sum_a0_c1 += tap_y1_x0 * input2;
            sum_a0_c2 += tap_y1_x0 * input4;
            sum_a0_c3 += tap_y1_x0 * input6;
            sum_a0_c0 += tap_y1_x1 * input1;
            sum_a0_c1 += tap_y1_x1 * input3;
            sum_a0_c2 += tap_y1_x1 * input5;
            sum_a0_c3 += tap_y1_x1 * input7;
            sum_a0_c0 += tap_y1_x2 * input2;
            sum_a0_c1 += tap_y1_x2 * input4;
            sum_a0_c2 += tap_y1_x2 * input6;
            sum_a0_c3 += tap_y1_x2 * input8;
        }
        input_row += 1;
        if step >= 1u {
            let output = (group * layer.output_height + row + step - 1u) * layer.output_width + column;
            epilogue(sum_a1_c0, scale, shift, output);
            if column + 1u < layer.output_width {
                epilogue(sum_a1_c1, scale, shift, output + 1u);
            }
            if column + 2u < layer.output_width {
                epilogue(sum_a1_c2, scale, shift, output + 2u);
            }
            if column + 3u < layer.output_width {
                epilogue(sum_a1_c3, scale, shift, output + 3u);
            }
        }
        // Every row is a step older, and one begins.
        sum_a1_c0 = sum_a0_c0;
        sum_a1_c1 = sum_a0_c1;
        sum_a1_c2 = sum_a0_c2;
        sum_a1_c3 = sum_a0_c3;
        sum_a0_c0 = vec4<f32>();
        sum_a0_c1 = vec4<f32>();
        sum_a0_c2 = vec4<f32>();
        sum_a0_c3 = vec4<f32>();
    }
}
