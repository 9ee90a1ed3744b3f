// Depthwise convolution, a row of 4 outputs of one group of channels a thread: neighbouring outputs share the columns
// that they read.
//
// Weight: [group][row of the kernel][column of the kernel], four channels an element.

@compute @workgroup_size(WORKGROUP)
fn depthwise(@builtin(global_invocation_id) thread: vec3<u32>) {
    let tiles = (layer.output_width + 3u) / 4u;
    let row = thread.x / tiles;
    let column = thread.x % tiles * 4u;
    let group = thread.y;
    if row >= layer.output_height {
        return;
    }
    let crop = (layer.weight_kernel - KERNEL) / 2u;
    var weight = layer.weight_offset + group * layer.weight_stride + crop * layer.weight_kernel + crop;
    let plane = group * layer.input_width * layer.input_height;
    let start = i32(column * STRIDE) - i32(layer.padding);
    var x = array<vec4<f32>, 13>();
    var sum0 = vec4<f32>();
    var sum1 = vec4<f32>();
    var sum2 = vec4<f32>();
    var sum3 = vec4<f32>();
    for (var y = 0u; y < KERNEL; y++) {
        let input_row = i32(row * STRIDE + y) - i32(layer.padding);
        if input_row >= 0 && input_row < i32(layer.input_height) {
            let line = plane + u32(input_row) * layer.input_width;
            x[0] = load(line, start);
            x[1] = load(line, start + 1);
            x[2] = load(line, start + 2);
            x[3] = load(line, start + 3);
            if 3u * STRIDE + KERNEL > 4u {
                x[4] = load(line, start + 4);
            }
            if 3u * STRIDE + KERNEL > 5u {
                x[5] = load(line, start + 5);
            }
            if 3u * STRIDE + KERNEL > 6u {
                x[6] = load(line, start + 6);
            }
            if 3u * STRIDE + KERNEL > 7u {
                x[7] = load(line, start + 7);
            }
            if 3u * STRIDE + KERNEL > 8u {
                x[8] = load(line, start + 8);
            }
            if 3u * STRIDE + KERNEL > 9u {
                x[9] = load(line, start + 9);
            }
            if 3u * STRIDE + KERNEL > 10u {
                x[10] = load(line, start + 10);
            }
            if 3u * STRIDE + KERNEL > 11u {
                x[11] = load(line, start + 11);
            }
            if 3u * STRIDE + KERNEL > 12u {
                x[12] = load(line, start + 12);
            }
            // Indices are constants once the overrides are set, so x stays in registers.
            let w0 = weights[weight];
            sum0 += w0 * x[0];
            sum1 += w0 * x[STRIDE];
            sum2 += w0 * x[2u * STRIDE];
            sum3 += w0 * x[3u * STRIDE];
            if KERNEL > 1u {
                let w1 = weights[weight + 1u];
                sum0 += w1 * x[1u];
                sum1 += w1 * x[STRIDE + 1u];
                sum2 += w1 * x[2u * STRIDE + 1u];
                sum3 += w1 * x[3u * STRIDE + 1u];
                let w2 = weights[weight + 2u];
                sum0 += w2 * x[2u];
                sum1 += w2 * x[STRIDE + 2u];
                sum2 += w2 * x[2u * STRIDE + 2u];
                sum3 += w2 * x[3u * STRIDE + 2u];
            }
            if KERNEL > 3u {
                let w3 = weights[weight + 3u];
                sum0 += w3 * x[3u];
                sum1 += w3 * x[STRIDE + 3u];
                sum2 += w3 * x[2u * STRIDE + 3u];
                sum3 += w3 * x[3u * STRIDE + 3u];
                let w4 = weights[weight + 4u];
                sum0 += w4 * x[4u];
                sum1 += w4 * x[STRIDE + 4u];
                sum2 += w4 * x[2u * STRIDE + 4u];
                sum3 += w4 * x[3u * STRIDE + 4u];
            }
            if KERNEL > 5u {
                let w5 = weights[weight + 5u];
                sum0 += w5 * x[5u];
                sum1 += w5 * x[STRIDE + 5u];
                sum2 += w5 * x[2u * STRIDE + 5u];
                sum3 += w5 * x[3u * STRIDE + 5u];
                let w6 = weights[weight + 6u];
                sum0 += w6 * x[6u];
                sum1 += w6 * x[STRIDE + 6u];
                sum2 += w6 * x[2u * STRIDE + 6u];
                sum3 += w6 * x[3u * STRIDE + 6u];
            }
        }
        weight += layer.weight_kernel;
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

// A column of a line of the input; zero outside.
fn load(line: u32, column: i32) -> vec4<f32> {
    let last = i32(layer.input_width) - 1;
    let value = source[line + u32(clamp(column, 0, last))];
    return select(vec4<f32>(), value, column >= 0 && column <= last);
}
