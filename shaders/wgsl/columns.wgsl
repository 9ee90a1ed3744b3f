// First pass of the resize: every row of the upright square gets the target's number of columns. The kernel below sums
// the bytes of a row's pixels; w is the sum of their weights.

@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> resize: Resize;

// Writes the network's channels, 0 to 255. The colour of a sum is the sum of colours, so the order of a pixel's bytes
// matters only here.
fn write_columns(column: u32, row: u32, sum: vec4<f32>) {
    let mean = sum / sum.w;
    let channels = vec4<f32>(dot(mean, resize.red), dot(mean, resize.green), dot(mean, resize.blue), 0.0);
    destination[row * resize.target_side + column] = channels;
}
