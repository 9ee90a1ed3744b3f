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
        sum += weight * value(row, pixel);
        total += weight;
    }
    destination[row * resize.target_side + column] = sum / total;
}

fn byte(index: u32) -> f32 {
    return f32((image[index / 4u] >> (8u * (index % 4u))) & 255u);
}

// A pixel as the network's channels: grey to three equal ones, colour to one luma where there is one channel (RGBA by
// Rec. 601, a camera frame its own).
fn value(row: u32, column: u32) -> vec4<f32> {
    let pixel = row * resize.source_side + column;
    if resize.format == 1u {
        let word = image[pixel];
        let colour = vec3<f32>(f32(word & 255u), f32((word >> 8u) & 255u), f32((word >> 16u) & 255u));
        if resize.channels == 1u {
            return vec4<f32>(dot(colour, vec3<f32>(0.299, 0.587, 0.114)), 0.0, 0.0, 0.0);
        }
        return vec4<f32>(colour, 0.0);
    }
    var colour = vec3<f32>(byte(pixel));
    if resize.format == 2u {
        colour = colour * resize.luma.x + resize.luma.y;
        if resize.channels != 1u {
            let sample = row / 2u * resize.chroma_stride + column / 2u * resize.chroma_step;
            let cb = byte(resize.cb_first + sample) - 128.0;
            let cr = byte(resize.cr_first + sample) - 128.0;
            let by = resize.chroma;
            colour += vec3<f32>(by.x * cr, by.y * cb + by.z * cr, by.w * cb);
        }
        colour = clamp(colour, vec3<f32>(0.0), vec3<f32>(255.0));
    }
    if resize.channels == 1u {
        return vec4<f32>(colour.x, 0.0, 0.0, 0.0);
    }
    return vec4<f32>(colour, 0.0);
}
