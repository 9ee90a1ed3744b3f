// Convolution of the image (at most 4 channels, so one group), a row of 4 outputs of one group of channels a thread.
//
// Weight: [output group][row of the kernel][column of the kernel][input channel, 4], four output channels an element.

@compute @workgroup_size(WORKGROUP)
fn dense(@builtin(global_invocation_id) thread: vec3<u32>) {
    let tiles = (layer.output_width + 3u) / 4u;
    let row = thread.x / tiles;
    let column = thread.x % tiles * 4u;
    let group = thread.y;
    if row >= layer.output_height {
        return;
    }
    var weight = layer.weight_offset + group * layer.weight_stride;
    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    for (var y = 0u; y < KERNEL; y++) {
        let input_row = i32(row * STRIDE + y) - i32(layer.padding);
        if input_row < 0 || input_row >= i32(layer.input_height) {
            weight += 4u * KERNEL;
            continue;
        }
        let line = u32(input_row) * layer.input_width;
        for (var x = 0u; x < KERNEL; x++) {
            let start = i32(column * STRIDE + x) - i32(layer.padding);
            let x0 = load(line, start);
            let x1 = load(line, start + i32(STRIDE));
            let x2 = load(line, start + i32(2u * STRIDE));
            let x3 = load(line, start + i32(3u * STRIDE));
            let red = weights[weight];
            sum0 += red * x0.x;
            sum1 += red * x1.x;
            sum2 += red * x2.x;
            sum3 += red * x3.x;
            if INPUT_CHANNELS > 1u {
                let green = weights[weight + 1u];
                let blue = weights[weight + 2u];
                sum0 += green * x0.y + blue * x0.z;
                sum1 += green * x1.y + blue * x1.z;
                sum2 += green * x2.y + blue * x2.z;
                sum3 += green * x3.y + blue * x3.z;
            }
            weight += 4u;
        }
    }
    let norm = layer.norm_offset + 2u * group;
    let scale = norms[norm];
    let shift = norms[norm + 1u];
    let to = (group * layer.output_height + row) * layer.output_width + column;
    close(sum0, scale, shift, to);
    if column + 1u < layer.output_width {
        close(sum1, scale, shift, to + 1u);
    }
    if column + 2u < layer.output_width {
        close(sum2, scale, shift, to + 2u);
    }
    if column + 3u < layer.output_width {
        close(sum3, scale, shift, to + 3u);
    }
}

// A column of a line of the image; zero outside.
fn load(line: u32, column: i32) -> vec4<f32> {
    let last = i32(layer.input_width) - 1;
    let value = source[line + u32(clamp(column, 0, last))];
    return select(vec4<f32>(), value, column >= 0 && column <= last);
}
