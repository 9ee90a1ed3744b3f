// The fallback kernel: any convolution or matrix, specialised to nothing. A thread computes one pixel of one group of
// output channels; kernel size and stride are the layer's parameters. It is slow to run and quick to compile, and
// answers while the other kernels are compiled.
//
// It has few branches: software runs both sides of each.

@compute @workgroup_size(WORKGROUP)
fn fallback(@builtin(global_invocation_id) thread: vec3<u32>) {
    let pixel = thread.x;
    let group = thread.y;
    if pixel >= layer.output_width * layer.output_height {
        return;
    }
    let stride = layer.flags & STRIDE_MASK;
    let top = i32(pixel / layer.output_width * stride) - i32(layer.padding);
    let left = i32(pixel % layer.output_width * stride) - i32(layer.padding);
    let crop = (layer.weight_kernel - layer.kernel) / 2u;
    let plane = layer.input_width * layer.input_height;
    let first_weight = layer.weight_offset + group * layer.weight_stride;
    let is_depthwise = (layer.flags & DEPTHWISE) != 0u;
    let input_groups = select(layer.input_groups, 0u, is_depthwise);
    var sum = vec4<f32>();
    for (var kernel_row = 0u; kernel_row < layer.kernel; kernel_row++) {
        let row = top + i32(kernel_row);
        if row < 0 || row >= i32(layer.input_height) {
            continue;
        }
        for (var kernel_column = 0u; kernel_column < layer.kernel; kernel_column++) {
            let column = left + i32(kernel_column);
            if column < 0 || column >= i32(layer.input_width) {
                continue;
            }
            let pixel_read = u32(row) * layer.input_width + u32(column);
            let tap = (kernel_row + crop) * layer.weight_kernel + kernel_column + crop;
            if is_depthwise {
                sum += weight(first_weight + tap) * source[group * plane + pixel_read];
            }
            var source_index = layer.source_offset + pixel_read;
            // Four elements a group of inputs; only the first layer has several taps, and it reads one group.
            var column_index = first_weight + 4u * tap;
            for (var i = 0u; i < input_groups; i++) {
                let matrix = mat4x4<f32>(
                    weight(column_index),
                    weight(column_index + 1u),
                    weight(column_index + 2u),
                    weight(column_index + 3u),
                );
                sum += matrix * gated(source[source_index], gate_of(i));
                column_index += 4u;
                source_index += plane;
            }
        }
    }
    let norm = layer.norm_offset + 2u * group;
    let output = layer.destination_offset + group * layer.output_width * layer.output_height + pixel;
    epilogue(sum, norms[norm], norms[norm + 1u], output);
}
