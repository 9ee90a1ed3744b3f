// The mean over all pixels, one group of channels a thread.

@compute @workgroup_size(WORKGROUP)
fn pool(@builtin(global_invocation_id) thread: vec3<u32>) {
    let group = thread.x;
    if group >= layer.output_groups {
        return;
    }
    let pixels = layer.input_width * layer.input_height;
    var sum = vec4<f32>();
    for (var pixel = 0u; pixel < pixels; pixel++) {
        sum += source[group * pixels + pixel];
    }
    destination[layer.destination_offset + group] = sum / f32(pixels);
}
