// 1x1 convolution or matrix, one pixel of one group of output channels a thread. Threads run along pixels, then groups:
// no larger tile keeps threads busy when there are few pixels (one, for a matrix).
//
// Weight: [output group][input group][input channel of the group], four output channels an element.

@compute @workgroup_size(WORKGROUP)
fn pointwise_small(@builtin(global_invocation_id) thread: vec3<u32>) {
    let pixels = layer.output_width * layer.output_height;
    let group = thread.x / pixels;
    let pixel = thread.x % pixels;
    if group >= layer.output_groups {
        return;
    }
    var column = layer.weight_offset + group * layer.weight_stride;
    var source_index = layer.source_offset + pixel;
    var sum = vec4<f32>();
    for (var i = 0u; i < layer.input_groups; i++) {
        let matrix = mat4x4<f32>(weight(column), weight(column + 1u), weight(column + 2u), weight(column + 3u));
        sum += matrix * gated(source[source_index], gate_of(i));
        column += 4u;
        source_index += pixels;
    }
    let norm = layer.norm_offset + 2u * group;
    epilogue(sum, norms[norm], norms[norm + 1u], layer.destination_offset + group * pixels + pixel);
}
