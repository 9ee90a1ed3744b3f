// First pass of the resize, from an 8-bit image in a buffer.

@group(0) @binding(0) var<storage, read> image: array<u32>;

@compute @workgroup_size(WORKGROUP)
fn resize_columns(@builtin(global_invocation_id) thread: vec3<u32>) {
    let column = thread.x;
    let row = thread.y;
    if column >= resize.fitted.x {
        return;
    }
    let t = taps(column, resize.source.x, resize.fitted.x);
    let right = resize.right.x;
    var place = resize.first.x + i32(row) * resize.down.x + i32(t.first) * right;
    var sum = vec4<f32>();
    // One loop for each kind: a branch in the loop would cost more than all the rest of it.
    if resize.kind == WHOLE_PIXELS {
        for (var pixel = t.first; pixel < t.end; pixel++) {
            sum += tap_weight(t, pixel) * vec4<f32>(bytes(word(place)), 1.0);
            place += right;
        }
    } else if resize.kind == THREE_BYTES {
        for (var pixel = t.first; pixel < t.end; pixel++) {
            sum += tap_weight(t, pixel) * vec4<f32>(bytes(two_words(place)), 1.0);
            place += right;
        }
    } else if resize.kind == LUMA {
        for (var pixel = t.first; pixel < t.end; pixel++) {
            sum += tap_weight(t, pixel) * vec4<f32>(within_byte(luma(place)), 1.0);
            place += right;
        }
    } else { // LUMA_AND_CHROMA
        for (var pixel = t.first; pixel < t.end; pixel++) {
            sum += tap_weight(t, pixel) * vec4<f32>(within_byte(luma(place) + chroma(row, pixel)), 1.0);
            place += right;
        }
    }
    write_columns(column, row, sum);
}

// The four bytes of a word from a byte on, as far as they are in the same word of the buffer.
fn word(place: i32) -> u32 {
    let byte = u32(place);
    return image[byte / 4u] >> (8u * (byte % 4u));
}

// All four.
fn two_words(place: i32) -> u32 {
    let byte = u32(place);
    // Shifts of 32 bits are undefined: two of fewer.
    return word(place) | ((image[byte / 4u + 1u] << 1u) << (31u - 8u * (byte % 4u)));
}

// The first three bytes of a word, 0 to 255.
fn bytes(word: u32) -> vec3<f32> {
    return vec3<f32>((vec3<u32>(word) >> vec3<u32>(0u, 8u, 16u)) & vec3<u32>(255u));
}

fn sample_at(place: i32) -> f32 {
    return f32(word(place) & 255u);
}

fn luma(place: i32) -> vec3<f32> {
    return vec3<f32>(sample_at(place) * resize.luma.x + resize.luma.y);
}

// The share of a pixel's chroma sample in red, green and blue.
fn chroma(row: u32, column: u32) -> vec3<f32> {
    let pixel = vec2<u32>(column + resize.chroma_column, row + resize.chroma_row);
    let next = vec2<i32>(pixel / 2u) * resize.chroma_next;
    let cb = sample_at(resize.chroma_first.x + next.x + next.y) - 128.0;
    let cr = sample_at(resize.chroma_first.y + next.x + next.y) - 128.0;
    let factors = resize.chroma;
    return vec3<f32>(factors.x * cr, factors.y * cb + factors.z * cr, factors.w * cb);
}

fn within_byte(colour: vec3<f32>) -> vec3<f32> {
    return clamp(colour, vec3<f32>(0.0), vec3<f32>(255.0));
}
