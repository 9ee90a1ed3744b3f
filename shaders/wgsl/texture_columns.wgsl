// First pass of the resize, from a texture: as resize_columns does, to the last bit.

@group(0) @binding(0) var image: texture_2d<f32>;

@compute @workgroup_size(WORKGROUP)
fn texture_columns(@builtin(global_invocation_id) thread: vec3<u32>) {
    let column = thread.x;
    let row = thread.y;
    if column >= resize.fitted.x {
        return;
    }
    let t = taps(column, resize.source.x, resize.fitted.x);
    var place = resize.first + i32(row) * resize.down + i32(t.first) * resize.right;
    var sum = vec4<f32>();
    for (var pixel = t.first; pixel < t.end; pixel++) {
        // A texture gives a share of 255: rounding restores the very byte.
        let colour = floor(textureLoad(image, place, 0).rgb * 255.0 + 0.5);
        sum += tap_weight(t, pixel) * vec4<f32>(colour, 1.0);
        place += resize.right;
    }
    write_columns(column, row, sum);
}
