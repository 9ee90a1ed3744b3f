// 1x1 convolution, 8 pixels and 8 groups (32 output channels) a thread; weights are shared through the subgroup: each
// of 8 neighbouring lanes loads 4 of the 32 weight elements of a step and broadcasts them. Needs subgroups of at least
// 8 lanes, and a WORKGROUP that is a multiple of 8.
//
// Weight: [output group][input group][input channel of the group], four output channels an element.

@compute @workgroup_size(WORKGROUP)
fn pointwise_subgroup(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
    let pixels = layer.output_width * layer.output_height;
    let group = workgroup.y * 8u;
    let last_group = layer.output_groups - 1u;
    let first = workgroup.x * WORKGROUP * 8u + lane;
    // Threads past the end read the last pixel and write nothing; they stay, for their lanes hold weights.
    let last = pixels - 1u;
    var read0 = min(first, last);
    var read1 = min(first + WORKGROUP, last);
    var read2 = min(first + 2u * WORKGROUP, last);
    var read3 = min(first + 3u * WORKGROUP, last);
    var read4 = min(first + 4u * WORKGROUP, last);
    var read5 = min(first + 5u * WORKGROUP, last);
    var read6 = min(first + 6u * WORKGROUP, last);
    var read7 = min(first + 7u * WORKGROUP, last);
    // Lane 4g + c of the first 8 loads column c of group g, and of every second group after it.
    let slot = subgroup_lane & 7u;
    let column = layer.weight_offset + (slot & 3u);
    let own = group + (slot >> 2u);
    var weight0 = column + min(own, last_group) * layer.weight_stride;
    var weight1 = column + min(own + 2u, last_group) * layer.weight_stride;
    var weight2 = column + min(own + 4u, last_group) * layer.weight_stride;
    var weight3 = column + min(own + 6u, last_group) * layer.weight_stride;
    var a0 = vec4<f32>();
    var a1 = vec4<f32>();
    var a2 = vec4<f32>();
    var a3 = vec4<f32>();
    var a4 = vec4<f32>();
    var a5 = vec4<f32>();
    var a6 = vec4<f32>();
    var a7 = vec4<f32>();
    var b0 = vec4<f32>();
    var b1 = vec4<f32>();
    var b2 = vec4<f32>();
    var b3 = vec4<f32>();
    var b4 = vec4<f32>();
    var b5 = vec4<f32>();
    var b6 = vec4<f32>();
    var b7 = vec4<f32>();
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    var c4 = vec4<f32>();
    var c5 = vec4<f32>();
    var c6 = vec4<f32>();
    var c7 = vec4<f32>();
    var d0 = vec4<f32>();
    var d1 = vec4<f32>();
    var d2 = vec4<f32>();
    var d3 = vec4<f32>();
    var d4 = vec4<f32>();
    var d5 = vec4<f32>();
    var d6 = vec4<f32>();
    var d7 = vec4<f32>();
    var e0 = vec4<f32>();
    var e1 = vec4<f32>();
    var e2 = vec4<f32>();
    var e3 = vec4<f32>();
    var e4 = vec4<f32>();
    var e5 = vec4<f32>();
    var e6 = vec4<f32>();
    var e7 = vec4<f32>();
    var f0 = vec4<f32>();
    var f1 = vec4<f32>();
    var f2 = vec4<f32>();
    var f3 = vec4<f32>();
    var f4 = vec4<f32>();
    var f5 = vec4<f32>();
    var f6 = vec4<f32>();
    var f7 = vec4<f32>();
    var g0 = vec4<f32>();
    var g1 = vec4<f32>();
    var g2 = vec4<f32>();
    var g3 = vec4<f32>();
    var g4 = vec4<f32>();
    var g5 = vec4<f32>();
    var g6 = vec4<f32>();
    var g7 = vec4<f32>();
    var h0 = vec4<f32>();
    var h1 = vec4<f32>();
    var h2 = vec4<f32>();
    var h3 = vec4<f32>();
    var h4 = vec4<f32>();
    var h5 = vec4<f32>();
    var h6 = vec4<f32>();
    var h7 = vec4<f32>();
    for (var i = 0u; i < layer.input_groups; i++) {
        let gate = gate_of(i);
        let w0 = weight(weight0);
        weight0 += 4u;
        let w1 = weight(weight1);
        weight1 += 4u;
        let w2 = weight(weight2);
        weight2 += 4u;
        let w3 = weight(weight3);
        weight3 += 4u;
        let x0 = gated(source[read0], gate);
        read0 += pixels;
        let x1 = gated(source[read1], gate);
        read1 += pixels;
        let x2 = gated(source[read2], gate);
        read2 += pixels;
        let x3 = gated(source[read3], gate);
        read3 += pixels;
        let x4 = gated(source[read4], gate);
        read4 += pixels;
        let x5 = gated(source[read5], gate);
        read5 += pixels;
        let x6 = gated(source[read6], gate);
        read6 += pixels;
        let x7 = gated(source[read7], gate);
        read7 += pixels;
        let a = mat4x4<f32>(
            subgroupBroadcast(w0, 0u),
            subgroupBroadcast(w0, 1u),
            subgroupBroadcast(w0, 2u),
            subgroupBroadcast(w0, 3u),
        );
        a0 += a * x0;
        a1 += a * x1;
        a2 += a * x2;
        a3 += a * x3;
        a4 += a * x4;
        a5 += a * x5;
        a6 += a * x6;
        a7 += a * x7;
        let b = mat4x4<f32>(
            subgroupBroadcast(w0, 4u),
            subgroupBroadcast(w0, 5u),
            subgroupBroadcast(w0, 6u),
            subgroupBroadcast(w0, 7u),
        );
        b0 += b * x0;
        b1 += b * x1;
        b2 += b * x2;
        b3 += b * x3;
        b4 += b * x4;
        b5 += b * x5;
        b6 += b * x6;
        b7 += b * x7;
        let c = mat4x4<f32>(
            subgroupBroadcast(w1, 0u),
            subgroupBroadcast(w1, 1u),
            subgroupBroadcast(w1, 2u),
            subgroupBroadcast(w1, 3u),
        );
        c0 += c * x0;
        c1 += c * x1;
        c2 += c * x2;
        c3 += c * x3;
        c4 += c * x4;
        c5 += c * x5;
        c6 += c * x6;
        c7 += c * x7;
        let d = mat4x4<f32>(
            subgroupBroadcast(w1, 4u),
            subgroupBroadcast(w1, 5u),
            subgroupBroadcast(w1, 6u),
            subgroupBroadcast(w1, 7u),
        );
        d0 += d * x0;
        d1 += d * x1;
        d2 += d * x2;
        d3 += d * x3;
        d4 += d * x4;
        d5 += d * x5;
        d6 += d * x6;
        d7 += d * x7;
        let e = mat4x4<f32>(
            subgroupBroadcast(w2, 0u),
            subgroupBroadcast(w2, 1u),
            subgroupBroadcast(w2, 2u),
            subgroupBroadcast(w2, 3u),
        );
        e0 += e * x0;
        e1 += e * x1;
        e2 += e * x2;
        e3 += e * x3;
        e4 += e * x4;
        e5 += e * x5;
        e6 += e * x6;
        e7 += e * x7;
        let f = mat4x4<f32>(
            subgroupBroadcast(w2, 4u),
            subgroupBroadcast(w2, 5u),
            subgroupBroadcast(w2, 6u),
            subgroupBroadcast(w2, 7u),
        );
        f0 += f * x0;
        f1 += f * x1;
        f2 += f * x2;
        f3 += f * x3;
        f4 += f * x4;
        f5 += f * x5;
        f6 += f * x6;
        f7 += f * x7;
        let g = mat4x4<f32>(
            subgroupBroadcast(w3, 0u),
            subgroupBroadcast(w3, 1u),
            subgroupBroadcast(w3, 2u),
            subgroupBroadcast(w3, 3u),
        );
        g0 += g * x0;
        g1 += g * x1;
        g2 += g * x2;
        g3 += g * x3;
        g4 += g * x4;
        g5 += g * x5;
        g6 += g * x6;
        g7 += g * x7;
        let h = mat4x4<f32>(
            subgroupBroadcast(w3, 4u),
            subgroupBroadcast(w3, 5u),
            subgroupBroadcast(w3, 6u),
            subgroupBroadcast(w3, 7u),
        );
        h0 += h * x0;
        h1 += h * x1;
        h2 += h * x2;
        h3 += h * x3;
        h4 += h * x4;
        h5 += h * x5;
        h6 += h * x6;
        h7 += h * x7;
    }
    write(group, first, pixels, a0, a1, a2, a3, a4, a5, a6, a7);
    if group + 1u <= last_group {
        write(group + 1u, first, pixels, b0, b1, b2, b3, b4, b5, b6, b7);
    }
    if group + 2u <= last_group {
        write(group + 2u, first, pixels, c0, c1, c2, c3, c4, c5, c6, c7);
    }
    if group + 3u <= last_group {
        write(group + 3u, first, pixels, d0, d1, d2, d3, d4, d5, d6, d7);
    }
    if group + 4u <= last_group {
        write(group + 4u, first, pixels, e0, e1, e2, e3, e4, e5, e6, e7);
    }
    if group + 5u <= last_group {
        write(group + 5u, first, pixels, f0, f1, f2, f3, f4, f5, f6, f7);
    }
    if group + 6u <= last_group {
        write(group + 6u, first, pixels, g0, g1, g2, g3, g4, g5, g6, g7);
    }
    if group + 7u <= last_group {
        write(group + 7u, first, pixels, h0, h1, h2, h3, h4, h5, h6, h7);
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
