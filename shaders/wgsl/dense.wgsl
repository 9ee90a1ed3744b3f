// Convolution of the image (at most 4 channels, so one group), a row of 8 outputs of 2 groups of channels a thread.
//
// Weight: [output group][row of the kernel][column of the kernel][input channel, 4], four output channels an element.
//
// All loops but the one over rows have constant bounds once the overrides are set: compilers unroll them.

@compute @workgroup_size(WORKGROUP)
fn dense(@builtin(global_invocation_id) thread: vec3<u32>) {
    let across = (layer.output_width + 7u) / 8u;
    let row = thread.x / across;
    let column = thread.x % across * 8u;
    let group_a = thread.y * 2u;
    let group_b = min(group_a + 1u, layer.output_groups - 1u);
    if row >= layer.output_height {
        return;
    }
    let left = i32(column * STRIDE) - i32(layer.padding);
    var a = array<vec4<f32>, 8>();
    var b = array<vec4<f32>, 8>();
    var line = array<vec4<f32>, 21>();
    for (var y = 0u; y < KERNEL; y++) {
        let input_row = i32(row * STRIDE + y) - i32(layer.padding);
        if input_row >= 0 && input_row < i32(layer.input_height) {
            let start = u32(input_row) * layer.input_width;
            for (var x = 0u; x < 7u * STRIDE + KERNEL; x++) {
                line[x] = load(start, left + i32(x));
            }
            for (var x = 0u; x < KERNEL; x++) {
                let tap = layer.weight_offset + 4u * (y * KERNEL + x);
                let tap_a = tap + group_a * layer.weight_stride;
                let tap_b = tap + group_b * layer.weight_stride;
                let red_a = weight(tap_a);
                let red_b = weight(tap_b);
                for (var p = 0u; p < 8u; p++) {
                    a[p] += red_a * line[p * STRIDE + x].x;
                    b[p] += red_b * line[p * STRIDE + x].x;
                }
                if INPUT_CHANNELS > 1u {
                    let green_a = weight(tap_a + 1u);
                    let green_b = weight(tap_b + 1u);
                    let blue_a = weight(tap_a + 2u);
                    let blue_b = weight(tap_b + 2u);
                    for (var p = 0u; p < 8u; p++) {
                        a[p] += green_a * line[p * STRIDE + x].y + blue_a * line[p * STRIDE + x].z;
                        b[p] += green_b * line[p * STRIDE + x].y + blue_b * line[p * STRIDE + x].z;
                    }
                }
            }
        }
    }
    let norm_a = layer.norm_offset + 2u * group_a;
    let norm_b = layer.norm_offset + 2u * group_b;
    let scale_a = norms[norm_a];
    let shift_a = norms[norm_a + 1u];
    let scale_b = norms[norm_b];
    let shift_b = norms[norm_b + 1u];
    let to_a = (group_a * layer.output_height + row) * layer.output_width + column;
    let to_b = (group_b * layer.output_height + row) * layer.output_width + column;
    for (var p = 0u; p < 8u; p++) {
        if column + p < layer.output_width {
            close(a[p], scale_a, shift_a, to_a + p);
            if group_b != group_a {
                close(b[p], scale_b, shift_b, to_b + p);
            }
        }
    }
}

// A column of a line of the image; zero outside.
fn load(start: u32, column: i32) -> vec4<f32> {
    let last = i32(layer.input_width) - 1;
    let value = source[start + u32(clamp(column, 0, last))];
    return select(vec4<f32>(), value, column >= 0 && column <= last);
}
