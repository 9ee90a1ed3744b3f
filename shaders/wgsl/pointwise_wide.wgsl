// 1x1 convolution, 8 pixels and 2 groups (8 output channels) a thread: each weight loaded serves 8 pixels, each pixel
// loaded serves 8 channels. A thread's pixels lie WORKGROUP apart, so that neighbouring threads read neighbouring pixels.
//
// Weight: [output group][input group][input channel of the group], four output channels an element.

@compute @workgroup_size(WORKGROUP)
fn pointwise_wide(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let pixels = layer.output_width * layer.output_height;
    let group_a = workgroup.y * 2u;
    let group_b = min(group_a + 1u, layer.output_groups - 1u);
    let first = workgroup.x * WORKGROUP * 8u + lane;
    // Threads past the end read the last pixel, and write nothing.
    let last = pixels - 1u;
    var read0 = min(first, last);
    var read1 = min(first + WORKGROUP, last);
    var read2 = min(first + 2u * WORKGROUP, last);
    var read3 = min(first + 3u * WORKGROUP, last);
    var read4 = min(first + 4u * WORKGROUP, last);
    var read5 = min(first + 5u * WORKGROUP, last);
    var read6 = min(first + 6u * WORKGROUP, last);
    var read7 = min(first + 7u * WORKGROUP, last);
    var weight_a = layer.weight_offset + group_a * layer.weight_stride;
    var weight_b = layer.weight_offset + group_b * layer.weight_stride;
    var a0 = vec4<f32>();
    var b0 = vec4<f32>();
    var a1 = vec4<f32>();
    var b1 = vec4<f32>();
    var a2 = vec4<f32>();
    var b2 = vec4<f32>();
    var a3 = vec4<f32>();
    var b3 = vec4<f32>();
    var a4 = vec4<f32>();
    var b4 = vec4<f32>();
    var a5 = vec4<f32>();
    var b5 = vec4<f32>();
    var a6 = vec4<f32>();
    var b6 = vec4<f32>();
    var a7 = vec4<f32>();
    var b7 = vec4<f32>();
    for (var i = 0u; i < layer.input_groups; i++) {
        let gate = gate_of(i);
        let a = mat4x4<f32>(weight(weight_a), weight(weight_a + 1u), weight(weight_a + 2u), weight(weight_a + 3u));
        let b = mat4x4<f32>(weight(weight_b), weight(weight_b + 1u), weight(weight_b + 2u), weight(weight_b + 3u));
        weight_a += 4u;
        weight_b += 4u;
        let x0 = gated(source[read0], gate);
        a0 += a * x0;
        b0 += b * x0;
        read0 += pixels;
        let x1 = gated(source[read1], gate);
        a1 += a * x1;
        b1 += b * x1;
        read1 += pixels;
        let x2 = gated(source[read2], gate);
        a2 += a * x2;
        b2 += b * x2;
        read2 += pixels;
        let x3 = gated(source[read3], gate);
        a3 += a * x3;
        b3 += b * x3;
        read3 += pixels;
        let x4 = gated(source[read4], gate);
        a4 += a * x4;
        b4 += b * x4;
        read4 += pixels;
        let x5 = gated(source[read5], gate);
        a5 += a * x5;
        b5 += b * x5;
        read5 += pixels;
        let x6 = gated(source[read6], gate);
        a6 += a * x6;
        b6 += b * x6;
        read6 += pixels;
        let x7 = gated(source[read7], gate);
        a7 += a * x7;
        b7 += b * x7;
        read7 += pixels;
    }
    write(group_a, first, pixels, a0, a1, a2, a3, a4, a5, a6, a7);
    if group_b != group_a {
        write(group_b, first, pixels, b0, b1, b2, b3, b4, b5, b6, b7);
    }
}

fn write(
    group: u32,
    first: u32,
    pixels: u32,
    s0: vec4<f32>,
    s1: vec4<f32>,
    s2: vec4<f32>,
    s3: vec4<f32>,
    s4: vec4<f32>,
    s5: vec4<f32>,
    s6: vec4<f32>,
    s7: vec4<f32>,
) {
    let norm = layer.norm_offset + 2u * group;
    let scale = norms[norm];
    let shift = norms[norm + 1u];
    let to = group * pixels;
    var pixel = first;
    if pixel < pixels {
        close(s0, scale, shift, to + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        close(s1, scale, shift, to + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        close(s2, scale, shift, to + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        close(s3, scale, shift, to + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        close(s4, scale, shift, to + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        close(s5, scale, shift, to + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        close(s6, scale, shift, to + pixel);
    }
    pixel += WORKGROUP;
    if pixel < pixels {
        close(s7, scale, shift, to + pixel);
    }
}
