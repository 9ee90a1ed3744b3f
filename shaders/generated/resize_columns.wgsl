// kernel      resize_columns, workgroups of 64

const WORKGROUP: u32 = 64u;
const CAMERA_FRAME: u32 = 255u;

// Parameters and filter of the resize: a triangle with half-pixel centres that widens when the image shrinks
// (antialiased). Weights are normalised over the pixels inside the image.

struct Resize {
    // Rows and columns of the square that is read.
    source_side: u32,
    // Rows and columns of the square that is written.
    target_side: u32,
    // The number of a packed pixel format, or CAMERA_FRAME: luma, then chroma for every 2x2 pixels.
    format: u32,
    // Channels that the network reads: 1 or 3.
    channels: u32,
    // The tensor is value * scale + shift, a component for each channel.
    scale: vec4<f32>,
    shift: vec4<f32>,
    // Bytes: the first samples, and from one row or sample to the next.
    cb_first: u32,
    cr_first: u32,
    chroma_stride: u32,
    chroma_step: u32,
    // Factors of samples less 128: red from cr, green from cb, green from cr, blue from cb.
    chroma: vec4<f32>,
    // Luma is sample * x + y.
    luma: vec2<f32>,
    // First column and row of the square in a texture; an image in a buffer is its square.
    left: u32,
    top: u32,
}

struct Taps {
    first: u32,
    end: u32,
    centre: f32,
    support: f32,
}

// The pixels that an output pixel reads.
fn taps(index: u32, source_side: u32, target_side: u32) -> Taps {
    let scale = f32(source_side) / f32(target_side);
    let support = max(scale, 1.0);
    let centre = (f32(index) + 0.5) * scale;
    let first = u32(max(floor(centre - support), 0.0));
    let end = min(u32(ceil(centre + support)), source_side);
    return Taps(first, end, centre, support);
}

fn tap_weight(t: Taps, pixel: u32) -> f32 {
    return max(0.0, 1.0 - abs((f32(pixel) + 0.5 - t.centre) / t.support));
}

// Red, green and blue of a pixel, 0 to 255.
fn packed_colour(pixel: u32) -> vec3<f32> {
    if resize.format == 1u {
        return vec3<f32>((vec3<u32>(image[pixel]) >> vec3<u32>(0u, 8u, 16u)) & vec3<u32>(255u)); // Rgba8
    }
    return vec3<f32>(byte(pixel)); // Grey8
}

// The one channel that a grey network reads.
fn packed_luma(colour: vec3<f32>) -> f32 {
    if resize.format == 1u {
        return dot(colour, vec3<f32>(0.299, 0.587, 0.114)); // Rgba8
    }
    return colour.x; // Grey8
}

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
