// Second pass of the resize: the number of rows that are fitted, then normalisation. The rest of the input is zero.

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
    // A place before the margin wraps around: it is outside too.
    let inside = thread.xy - resize.margin;
    var value = vec4<f32>();
    if inside.x < resize.fitted.x && inside.y < resize.fitted.y {
        let t = taps(inside.y, resize.source.y, resize.fitted.y);
        var sum = vec4<f32>();
        var total = 0.0;
        for (var pixel = t.first; pixel < t.end; pixel++) {
            let weight = tap_weight(t, pixel);
            sum += weight * source[pixel * resize.fitted.x + inside.x];
            total += weight;
        }
        value = sum / total * resize.scale + resize.shift;
    }
    if resize.transposed == 1u {
        destination[column * resize.target_side + row] = value;
    } else {
        destination[row * resize.target_side + column] = value;
    }
}
