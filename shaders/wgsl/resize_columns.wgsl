// First pass of the resize: every row of the 8-bit image gets the target's number of columns. Writes 0 to 255.

@group(0) @binding(0) var<storage, read> image: array<u32>;
@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> resize: Resize;

@compute @workgroup_size(WORKGROUP)
fn resize_columns(@builtin(global_invocation_id) thread: vec3<u32>) {
    let column = thread.x;
    let row = thread.y;
    if column >= resize.target_side {
        return;
    }
    let t = taps(column, resize.source_side, resize.target_side);
    var sum = vec4<f32>();
    var total = 0.0;
    for (var pixel = t.first; pixel < t.end; pixel++) {
        let weight = tap_weight(t, pixel);
        sum += weight * value(row * resize.source_side + pixel);
        total += weight;
    }
    destination[row * resize.target_side + column] = sum / total;
}

// A pixel as the network's channels: grey to three equal ones, colour to Rec. 601 luma where there is one.
fn value(pixel: u32) -> vec4<f32> {
    if resize.pixel_bytes == 1u {
        let grey = f32((image[pixel / 4u] >> (8u * (pixel % 4u))) & 255u);
        if resize.channels == 1u {
            return vec4<f32>(grey, 0.0, 0.0, 0.0);
        }
        return vec4<f32>(grey, grey, grey, 0.0);
    }
    let word = image[pixel];
    let colour = vec3<f32>(f32(word & 255u), f32((word >> 8u) & 255u), f32((word >> 16u) & 255u));
    if resize.channels == 1u {
        return vec4<f32>(dot(colour, vec3<f32>(0.299, 0.587, 0.114)), 0.0, 0.0, 0.0);
    }
    return vec4<f32>(colour, 0.0);
}
