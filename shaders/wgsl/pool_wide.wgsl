// The mean over all pixels, one group of channels a workgroup. A thread adds every 64th pixel, then threads add each
// other's sums. That keeps a real GPU busy where a large image has few channels; software is faster with pool.

var<workgroup> sums: array<vec4<f32>, 64>;

@compute @workgroup_size(64)
fn pool_wide(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = workgroup.x;
    let pixels = layer.input_width * layer.input_height;
    var sum = vec4<f32>();
    for (var pixel = lane; pixel < pixels; pixel += 64u) {
        sum += source[group * pixels + pixel];
    }
    sums[lane] = sum;
    for (var half = 32u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] += sums[lane + half];
        }
    }
    if lane == 0u {
        destination[layer.destination_offset + group] = sums[0] / f32(pixels);
    }
}
