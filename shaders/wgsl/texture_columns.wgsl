// First pass of the resize, from a texture: as resize_columns does, to the last bit.

@group(0) @binding(0) var image: texture_2d<f32>;

@compute @workgroup_size(WORKGROUP)
fn texture_columns(@builtin(global_invocation_id) thread: vec3<u32>) {
    filter_columns(thread.x, thread.y);
}

// The network's channels of a pixel. A texture gives a share of 255: rounding restores the very byte.
fn value(row: u32, column: u32) -> vec4<f32> {
    let texel = textureLoad(image, vec2<u32>(resize.left + column, resize.top + row), 0);
    let colour = floor(texel.rgb * 255.0 + 0.5);
    if resize.channels == 1u {
        return vec4<f32>(packed_luma(colour), 0.0, 0.0, 0.0);
    }
    return vec4<f32>(colour, 0.0);
}
