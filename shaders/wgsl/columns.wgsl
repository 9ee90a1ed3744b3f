// First pass of the resize: every row gets the target's number of columns. It writes 0 to 255. The kernel below says
// where its pixels come from: value.

@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> resize: Resize;

fn filter_columns(column: u32, row: u32) {
    if column >= resize.target_side {
        return;
    }
    let t = taps(column, resize.source_side, resize.target_side);
    var sum = vec4<f32>();
    var total = 0.0;
    for (var pixel = t.first; pixel < t.end; pixel++) {
        let weight = tap_weight(t, pixel);
        sum += weight * value(row, pixel);
        total += weight;
    }
    destination[row * resize.target_side + column] = sum / total;
}
