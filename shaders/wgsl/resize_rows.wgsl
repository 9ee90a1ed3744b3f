// Second pass of the resize: the target's number of rows, then normalisation.

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> resize: Resize;

@compute @workgroup_size(WORKGROUP)
fn resize_rows(@builtin(global_invocation_id) thread: vec3<u32>) {
    let column = thread.x;
    let row = thread.y;
    if column >= resize.target_side {
        return;
    }
    let t = taps(row, resize.source_side, resize.target_side);
    var sum = vec4<f32>();
    var total = 0.0;
    for (var pixel = t.first; pixel < t.end; pixel++) {
        let weight = tap_weight(t, pixel);
        sum += weight * source[pixel * resize.target_side + column];
        total += weight;
    }
    destination[row * resize.target_side + column] = sum / total * resize.scale + resize.shift;
}
