// kernel      resize_rows, workgroups of 64

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

// Second pass of the resize: the target's number of rows, then normalisation.

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
    let t = taps(row, resize.source_side, resize.target_side);
    var sum = vec4<f32>();
    var total = 0.0;
    for (var pixel = t.first; pixel < t.end; pixel++) {
        let weight = tap_weight(t, pixel);
        sum += weight * source[pixel * resize.target_side + column];
        total += weight;
    }
    destination[row * resize.target_side + column] = sum / total * resize.scale + resize.shift;
}
