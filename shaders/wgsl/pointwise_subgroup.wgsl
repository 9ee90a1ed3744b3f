// 1x1 convolution, 4 pixels and 4 groups (16 output channels) a thread; weights are shared through the subgroup: each
// of 8 neighbouring lanes loads 2 of the 16 weight elements of a step and broadcasts them. Needs subgroups of at least
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
    let group = workgroup.y * 4u;
    let last_group = layer.output_groups - 1u;
    let first = workgroup.x * WORKGROUP * 4u + lane;
    // Threads past the end read the last pixel and write nothing; they stay, for their lanes hold weights.
    let last = pixels - 1u;
    var read0 = min(first, last);
    var read1 = min(first + WORKGROUP, last);
    var read2 = min(first + 2u * WORKGROUP, last);
    var read3 = min(first + 3u * WORKGROUP, last);
    // Lane 4g + c of the first 8 loads column c of group g, and of group g + 2.
    let slot = subgroup_lane & 7u;
    let column = layer.weight_offset + (slot & 3u);
    var weight_low = column + min(group + (slot >> 2u), last_group) * layer.weight_stride;
    var weight_high = column + min(group + 2u + (slot >> 2u), last_group) * layer.weight_stride;
    var a0 = vec4<f32>();
    var a1 = vec4<f32>();
    var a2 = vec4<f32>();
    var a3 = vec4<f32>();
    var b0 = vec4<f32>();
    var b1 = vec4<f32>();
    var b2 = vec4<f32>();
    var b3 = vec4<f32>();
    var c0 = vec4<f32>();
    var c1 = vec4<f32>();
    var c2 = vec4<f32>();
    var c3 = vec4<f32>();
    var d0 = vec4<f32>();
    var d1 = vec4<f32>();
    var d2 = vec4<f32>();
    var d3 = vec4<f32>();
    for (var i = 0u; i < layer.input_groups; i++) {
        let low = weights[weight_low];
        let high = weights[weight_high];
        weight_low += 4u;
        weight_high += 4u;
        let x0 = source[read0];
        read0 += pixels;
        let x1 = source[read1];
        read1 += pixels;
        let x2 = source[read2];
        read2 += pixels;
        let x3 = source[read3];
        read3 += pixels;
        let a = mat4x4<f32>(
            subgroupBroadcast(low, 0u),
            subgroupBroadcast(low, 1u),
            subgroupBroadcast(low, 2u),
            subgroupBroadcast(low, 3u),
        );
        a0 += a * x0;
        a1 += a * x1;
        a2 += a * x2;
        a3 += a * x3;
        let b = mat4x4<f32>(
            subgroupBroadcast(low, 4u),
            subgroupBroadcast(low, 5u),
            subgroupBroadcast(low, 6u),
            subgroupBroadcast(low, 7u),
        );
        b0 += b * x0;
        b1 += b * x1;
        b2 += b * x2;
        b3 += b * x3;
        let c = mat4x4<f32>(
            subgroupBroadcast(high, 0u),
            subgroupBroadcast(high, 1u),
            subgroupBroadcast(high, 2u),
            subgroupBroadcast(high, 3u),
        );
        c0 += c * x0;
        c1 += c * x1;
        c2 += c * x2;
        c3 += c * x3;
        let d = mat4x4<f32>(
            subgroupBroadcast(high, 4u),
            subgroupBroadcast(high, 5u),
            subgroupBroadcast(high, 6u),
            subgroupBroadcast(high, 7u),
        );
        d0 += d * x0;
        d1 += d * x1;
        d2 += d * x2;
        d3 += d * x3;
    }
    write(group, first, pixels, a0, a1, a2, a3);
    if group + 1u <= last_group {
        write(group + 1u, first, pixels, b0, b1, b2, b3);
    }
    if group + 2u <= last_group {
        write(group + 2u, first, pixels, c0, c1, c2, c3);
    }
    if group + 3u <= last_group {
        write(group + 3u, first, pixels, d0, d1, d2, d3);
    }
}

fn write(group: u32, first: u32, pixels: u32, s0: vec4<f32>, s1: vec4<f32>, s2: vec4<f32>, s3: vec4<f32>) {
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
}
