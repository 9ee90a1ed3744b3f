// kernel      resize_rows, workgroups of 64

const WORKGROUP: u32 = 64u;
const WHOLE_PIXELS: u32 = 0u;
const THREE_BYTES: u32 = 1u;
const LUMA: u32 = 2u;

// Parameters and filter of the resize: a triangle with half-pixel centres that widens when the image shrinks
// (antialiased). Weights are normalised over the pixels inside the image.

struct Resize {
    // Columns and rows that are read.
    source: vec2<u32>,
    // Columns and rows that they become.
    fitted: vec2<u32>,
    // Columns and rows of zeros before those.
    margin: vec2<u32>,
    // Rows and columns of the network's input.
    target_side: u32,
    // Channels that the network reads: 1 or 3.
    channels: u32,
    // The tensor is value * scale + shift, a component for each channel.
    scale: vec4<f32>,
    shift: vec4<f32>,
    // The place of the first pixel that is read, upright, and the way to its next column and to its next row. In a
    // texture that is a column and a row, in a buffer bytes and zero.
    first: vec2<i32>,
    right: vec2<i32>,
    down: vec2<i32>,
    // A frame's luma is sample * x + y.
    luma: vec2<f32>,
    // The bytes of a pixel that are red, green and blue.
    order: vec3<u32>,
    // 1 where the first column is the second one of its chroma sample.
    chroma_column: u32,
    // Weights of red, green and blue in the one channel of a grey network.
    grey: vec3<f32>,
    // 1 where the first row is the second one of its chroma sample.
    chroma_row: u32,
    // Bytes before the first cb and cr samples, upright.
    chroma_first: vec2<i32>,
    // Bytes to the next column of chroma samples, and to the next row.
    chroma_next: vec2<i32>,
    // Factors of samples less 128: red from cr, green from cb, green from cr, blue from cb.
    chroma: vec4<f32>,
    // How a pixel is read: WHOLE_PIXELS, THREE_BYTES, LUMA or LUMA_AND_CHROMA.
    kind: u32,
    // 1 where the columns here are the rows of the network's input: the longer side is always shrunk first.
    transposed: u32,
    unused: vec2<u32>,
}

struct Taps {
    first: u32,
    end: u32,
    centre: f32,
    support: f32,
}

// The pixels that an output pixel reads.
fn taps(index: u32, pixels: u32, fitted: u32) -> Taps {
    let scale = f32(pixels) / f32(fitted);
    let support = max(scale, 1.0);
    let centre = (f32(index) + 0.5) * scale;
    let first = u32(max(floor(centre - support), 0.0));
    let end = min(u32(ceil(centre + support)), pixels);
    return Taps(first, end, centre, support);
}

fn tap_weight(t: Taps, pixel: u32) -> f32 {
    return max(0.0, 1.0 - abs((f32(pixel) + 0.5 - t.centre) / t.support));
}

// Second pass of the resize: the number of rows that are fitted, then normalisation. The rest of the input is zero.

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
    // A place before the margin wraps around: it is outside too.
    let inside = thread.xy - resize.margin;
    var value = vec4<f32>();
    if inside.x < resize.fitted.x && inside.y < resize.fitted.y {
        let t = taps(inside.y, resize.source.y, resize.fitted.y);
        var sum = vec4<f32>();
        var total = 0.0;
        for (var pixel = t.first; pixel < t.end; pixel++) {
            let weight = tap_weight(t, pixel);
            sum += weight * source[pixel * resize.fitted.x + inside.x];
            total += weight;
        }
        value = sum / total * resize.scale + resize.shift;
    }
    if resize.transposed == 1u {
        destination[column * resize.target_side + row] = value;
    } else {
        destination[row * resize.target_side + column] = value;
    }
}
