// First pass of the resize, from an 8-bit image in a buffer.

@group(0) @binding(0) var<storage, read> image: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn resize_columns(@builtin(global_invocation_id) thread: vec3<u32>) {
    filter_columns(thread.x, thread.y);
}

fn byte(index: u32) -> f32 {
    return f32((image[index / 4u] >> (8u * (index % 4u))) & 255u);
}

// The network's channels of a pixel: grey becomes three equal ones, colour one luma where there is one channel (a
// camera frame's own luma).
fn value(row: u32, column: u32) -> vec4<f32> {
    let pixel = row * resize.source_side + column;
    var colour = packed_colour(pixel);
    if resize.format == CAMERA_FRAME {
        // The luma plane was read as grey.
        colour = colour * resize.luma.x + resize.luma.y;
        if resize.channels != 1u {
            let sample = row / 2u * resize.chroma_stride + column / 2u * resize.chroma_step;
            let cb = byte(resize.cb_first + sample) - 128.0;
            let cr = byte(resize.cr_first + sample) - 128.0;
            let factors = resize.chroma;
            colour += vec3<f32>(factors.x * cr, factors.y * cb + factors.z * cr, factors.w * cb);
        }
        colour = clamp(colour, vec3<f32>(0.0), vec3<f32>(255.0));
    }
    if resize.channels == 1u {
        return vec4<f32>(packed_luma(colour), 0.0, 0.0, 0.0);
    }
    return vec4<f32>(colour, 0.0);
}
