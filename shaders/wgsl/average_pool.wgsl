// The mean over squares of KERNEL pixels at distances of STRIDE. A thread computes one pixel of one group of channels.
// A square that the image cuts off is the mean of the pixels that are left.

@compute @workgroup_size(WORKGROUP)
fn average_pool(@builtin(global_invocation_id) thread: vec3<u32>) {
    let pixels = layer.output_width * layer.output_height;
    let group = thread.x / pixels;
    let pixel = thread.x % pixels;
    if group >= layer.output_groups {
        return;
    }
    let top = pixel / layer.output_width * STRIDE;
    let left = pixel % layer.output_width * STRIDE;
    let bottom = min(top + KERNEL, layer.input_height);
    let right = min(left + KERNEL, layer.input_width);
    let plane = group * layer.input_width * layer.input_height;
    var sum = vec4<f32>();
    for (var row = top; row < bottom; row++) {
        for (var column = left; column < right; column++) {
            sum += source[plane + row * layer.input_width + column];
        }
    }
    destination[group * pixels + pixel] = sum / f32((bottom - top) * (right - left));
}
