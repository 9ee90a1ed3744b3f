// Any convolution or matrix, one pixel and one group of output channels a thread, with nothing specialised: kernel size,
// stride, activation, residual and gate come from the layer's parameters. Slow to run and quick to compile: it answers
// while the others are compiled.

@compute @workgroup_size(WORKGROUP)
fn plain(@builtin(global_invocation_id) thread: vec3<u32>) {
    let pixel = thread.x;
    let group = thread.y;
    if pixel >= layer.output_width * layer.output_height {
        return;
    }
    let stride = layer.how & 255u;
    let top = i32(pixel / layer.output_width * stride) - i32(layer.padding);
    let left = i32(pixel % layer.output_width * stride) - i32(layer.padding);
    let crop = (layer.weight_kernel - layer.kernel) / 2u;
    let plane = layer.input_width * layer.input_height;
    let base = layer.weight_offset + group * layer.weight_stride;
    var sum = vec4<f32>();
    for (var y = 0u; y < layer.kernel; y++) {
        let row = top + i32(y);
        if row < 0 || row >= i32(layer.input_height) {
            continue;
        }
        for (var x = 0u; x < layer.kernel; x++) {
            let column = left + i32(x);
            if column < 0 || column >= i32(layer.input_width) {
                continue;
            }
            var read = u32(row) * layer.input_width + u32(column);
            let tap = (y + crop) * layer.weight_kernel + x + crop;
            if (layer.how & DEPTHWISE) != 0u {
                sum += weight(base + tap) * source[group * plane + read];
                continue;
            }
            read += layer.source_offset;
            // Four elements a group of inputs; only the first layer has several taps, and it reads one group.
            var at = base + 4u * tap;
            for (var i = 0u; i < layer.input_groups; i++) {
                var value = source[read];
                if (layer.how & GATED_INPUT) != 0u {
                    value *= source[layer.gate_offset + i];
                }
                sum += mat4x4<f32>(weight(at), weight(at + 1u), weight(at + 2u), weight(at + 3u)) * value;
                at += 4u;
                read += plane;
            }
        }
    }
    let norm = layer.norm_offset + 2u * group;
    var value = sum * norms[norm] + norms[norm + 1u];
    let to = layer.destination_offset + group * layer.output_width * layer.output_height + pixel;
    if (layer.how & RESIDUAL_OUTPUT) != 0u {
        value += destination[to];
    }
    destination[to] = activate_by((layer.how >> 8u) & 255u, value);
}

// Bits of `layer.how`.
const RESIDUAL_OUTPUT: u32 = 65536u;
const GATED_INPUT: u32 = 131072u;
const DEPTHWISE: u32 = 262144u;
