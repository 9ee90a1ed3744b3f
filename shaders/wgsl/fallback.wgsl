// Any convolution or matrix, one pixel and one group of output channels a thread, with nothing specialised: kernel size and
// stride come from the layer's parameters too. Slow to run and quick to compile: it answers while the others are compiled.
//
// Written with few branches: software runs both sides of each.

@compute @workgroup_size(WORKGROUP)
fn fallback(@builtin(global_invocation_id) thread: vec3<u32>) {
    let pixel = thread.x;
    let group = thread.y;
    if pixel >= layer.output_width * layer.output_height {
        return;
    }
    let stride = layer.flags & 255u;
    let top = i32(pixel / layer.output_width * stride) - i32(layer.padding);
    let left = i32(pixel % layer.output_width * stride) - i32(layer.padding);
    let crop = (layer.weight_kernel - layer.kernel) / 2u;
    let plane = layer.input_width * layer.input_height;
    let base = layer.weight_offset + group * layer.weight_stride;
    let depthwise = (layer.flags & DEPTHWISE) != 0u;
    let inputs = select(layer.input_groups, 0u, depthwise);
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
            if depthwise {
                sum += weight(base + tap) * source[group * plane + read];
            }
            read += layer.source_offset;
            // Four elements a group of inputs; only the first layer has several taps, and it reads one group.
            var at = base + 4u * tap;
            for (var i = 0u; i < inputs; i++) {
                let value = gated(source[read], gate_of(i));
                sum += mat4x4<f32>(weight(at), weight(at + 1u), weight(at + 2u), weight(at + 3u)) * value;
                at += 4u;
                read += plane;
            }
        }
    }
    let norm = layer.norm_offset + 2u * group;
    let to = layer.destination_offset + group * layer.output_width * layer.output_height + pixel;
    epilogue(sum, norms[norm], norms[norm + 1u], to);
}
