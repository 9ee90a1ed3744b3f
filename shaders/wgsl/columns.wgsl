// First pass of the resize: every row that is read gets the number of columns that it is fitted to. The kernel below
// sums the bytes of a row's pixels; w is the sum of their weights.

@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> resize: Resize;

// Writes the network's channels, 0 to 255: grey becomes three equal ones, colour one luma where there is one channel. The
// colour of a sum is the sum of colours, so the order of a pixel's bytes matters only here.
fn write_columns(column: u32, row: u32, sum: vec4<f32>) {
    let mean = sum / sum.w;
    var colour = vec3<f32>(mean[resize.order.x], mean[resize.order.y], mean[resize.order.z]);
    if resize.channels == 1u {
        colour = vec3<f32>(dot(colour, resize.grey), 0.0, 0.0);
    }
    destination[row * resize.fitted.x + column] = vec4<f32>(colour, 0.0);
}
