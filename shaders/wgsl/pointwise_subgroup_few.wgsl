// 1x1 convolution, 2 pixels and 8 groups (32 output channels) a thread; weights are shared through the subgroup: each
// of 8 neighbouring lanes loads 4 of the 32 weight elements of a step and broadcasts them. Needs subgroups of at least
// 8 lanes, and a WORKGROUP that is a multiple of 8.
//
// Weight: [output group][input group][input channel of the group], four output channels an element.

@compute @workgroup_size(WORKGROUP)
fn pointwise_subgroup_few(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) subgroup_lane: u32,
) {
    let pixels = layer.output_width * layer.output_height;
    let group = workgroup.y * 8u;
    let last_group = layer.output_groups - 1u;
    let first = workgroup.x * WORKGROUP * 2u + lane;
    // Threads past the end read the last pixel and write nothing; they stay, for their lanes hold weights.
    let last = pixels - 1u;
    var read0 = min(first, last);
    var read1 = min(first + WORKGROUP, last);
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
    var b0 = vec4<f32>();
    var b1 = vec4<f32>();
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var d0 = vec4<f32>();
    var d1 = vec4<f32>();
    var e0 = vec4<f32>();
    var e1 = vec4<f32>();
    var f0 = vec4<f32>();
    var f1 = vec4<f32>();
    var g0 = vec4<f32>();
    var g1 = vec4<f32>();
    var h0 = vec4<f32>();
    var h1 = vec4<f32>();
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
        let a = mat4x4<f32>(
            subgroupBroadcast(w0, 0u),
            subgroupBroadcast(w0, 1u),
            subgroupBroadcast(w0, 2u),
            subgroupBroadcast(w0, 3u),
        );
        a0 += a * x0;
        a1 += a * x1;
        let b = mat4x4<f32>(
            subgroupBroadcast(w0, 4u),
            subgroupBroadcast(w0, 5u),
            subgroupBroadcast(w0, 6u),
            subgroupBroadcast(w0, 7u),
        );
        b0 += b * x0;
        b1 += b * x1;
        let c = mat4x4<f32>(
            subgroupBroadcast(w1, 0u),
            subgroupBroadcast(w1, 1u),
            subgroupBroadcast(w1, 2u),
            subgroupBroadcast(w1, 3u),
        );
        c0 += c * x0;
        c1 += c * x1;
        let d = mat4x4<f32>(
            subgroupBroadcast(w1, 4u),
            subgroupBroadcast(w1, 5u),
            subgroupBroadcast(w1, 6u),
            subgroupBroadcast(w1, 7u),
        );
        d0 += d * x0;
        d1 += d * x1;
        let e = mat4x4<f32>(
            subgroupBroadcast(w2, 0u),
            subgroupBroadcast(w2, 1u),
            subgroupBroadcast(w2, 2u),
            subgroupBroadcast(w2, 3u),
        );
        e0 += e * x0;
        e1 += e * x1;
        let f = mat4x4<f32>(
            subgroupBroadcast(w2, 4u),
            subgroupBroadcast(w2, 5u),
            subgroupBroadcast(w2, 6u),
            subgroupBroadcast(w2, 7u),
        );
        f0 += f * x0;
        f1 += f * x1;
        let g = mat4x4<f32>(
            subgroupBroadcast(w3, 0u),
            subgroupBroadcast(w3, 1u),
            subgroupBroadcast(w3, 2u),
            subgroupBroadcast(w3, 3u),
        );
        g0 += g * x0;
        g1 += g * x1;
        let h = mat4x4<f32>(
            subgroupBroadcast(w3, 4u),
            subgroupBroadcast(w3, 5u),
            subgroupBroadcast(w3, 6u),
            subgroupBroadcast(w3, 7u),
        );
        h0 += h * x0;
        h1 += h * x1;
    }
    write(group, first, pixels, a0, a1);
    if group + 1u <= last_group {
        write(group + 1u, first, pixels, b0, b1);
    }
    if group + 2u <= last_group {
        write(group + 2u, first, pixels, c0, c1);
    }
    if group + 3u <= last_group {
        write(group + 3u, first, pixels, d0, d1);
    }
    if group + 4u <= last_group {
        write(group + 4u, first, pixels, e0, e1);
    }
    if group + 5u <= last_group {
        write(group + 5u, first, pixels, f0, f1);
    }
    if group + 6u <= last_group {
        write(group + 6u, first, pixels, g0, g1);
    }
    if group + 7u <= last_group {
        write(group + 7u, first, pixels, h0, h1);
    }
}

fn write(
    group: u32,
    first: u32,
    pixels: u32,
    s0: vec4<f32>,
    s1: vec4<f32>,
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
}
