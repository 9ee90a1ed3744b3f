// kernel      resize_rows, workgroups of 64

const WORKGROUP: u32 = 64u;
const WHOLE_PIXELS: u32 = 0u;
const THREE_BYTES: u32 = 1u;
const LUMA: u32 = 2u;

// Parameters and filter of the resize: a triangle with half-pixel centres that widens when the image shrinks
// (antialiased). Weights are normalised over the pixels inside the image.

struct Resize {
    // Rows and columns of the square that is read.
    source_side: u32,
    // Rows and columns of the square that is written.
    target_side: u32,
    // How a pixel is read: WHOLE_PIXELS, THREE_BYTES, LUMA or LUMA_AND_CHROMA.
    kind: u32,
    // Bit 0: the square's first column is the second one of its chroma sample. Bit 1: so is its first row.
    chroma_phase: u32,
    // The tensor is value * scale + shift, a component for each channel.
    scale: vec4<f32>,
    shift: vec4<f32>,
    // The place of the upright square's first pixel, and the way to its next column and to its next row. In a texture
    // that is a column and a row, in a buffer bytes and zero.
    first: vec2<i32>,
    right: vec2<i32>,
    down: vec2<i32>,
    // A frame's luma is sample * x + y.
    luma: vec2<f32>,
    // The network's channels are these sums of a pixel's bytes, in the order in which they are stored; w is zero.
    red: vec4<f32>,
    green: vec4<f32>,
    blue: vec4<f32>,
    // Bytes before the upright square's first cb and cr samples.
    chroma_first: vec2<i32>,
    // Bytes to the next column of chroma samples, and to the next row.
    chroma_next: vec2<i32>,
    // Factors of samples less 128: red from cr, green from cb, green from cr, blue from cb.
    chroma: vec4<f32>,
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
