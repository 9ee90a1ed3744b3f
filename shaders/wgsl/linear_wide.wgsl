// A matrix over one pixel, one group of output channels a workgroup. A thread adds every 64th input group, then threads
// add each other's sums. That keeps a real GPU busy where a matrix is small; software is faster with pointwise_small.
//
// Weight: [output group][input group][input channel of the group], four output channels an element.

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn linear_wide(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = workgroup.x;
    let first_column = layer.weight_offset + group * layer.weight_stride;
    var sum = vec4<f32>();
    for (var i = lane; i < layer.input_groups; i += 64u) {
        let column = first_column + 4u * i;
        let matrix = mat4x4<f32>(weight(column), weight(column + 1u), weight(column + 2u), weight(column + 3u));
        sum += matrix * source[layer.source_offset + i];
    }
    sums[lane] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] += sums[lane + half];
        }
    }
    if lane == 0u {
        let norm = layer.norm_offset + 2u * group;
        epilogue(sums[0], norms[norm], norms[norm + 1u], layer.destination_offset + group);
    }
}
