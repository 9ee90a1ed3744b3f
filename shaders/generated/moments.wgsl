// kernel      moments, workgroups of 64

const WORKGROUP: u32 = 64u;
const KERNEL: u32 = 1u;
const STRIDE: u32 = 1u;
const STRIDE_MASK: u32 = 255u;
const ACTIVATION_SHIFT: u32 = 8u;
const ACTIVATION_MASK: u32 = 255u;
const RESIDUAL_OUTPUT: u32 = 65536u;
const GATED_INPUT: u32 = 131072u;
const DEPTHWISE: u32 = 262144u;
const IDENTITY: u32 = 0u;

// Buffers and parameters of a layer.
//
// Activations are planar groups of four channels: channels 4g..4g+3 of pixel p are element g * pixels + p.

struct Layer {
    input_width: u32,
    input_height: u32,
    // Groups of four channels that the child reads.
    input_groups: u32,
    output_width: u32,
    output_height: u32,
    // Groups of four channels that the child writes.
    output_groups: u32,
    // First element of the layer's weight.
    weight_offset: u32,
    // Elements from one group of output channels to the next: the supernet's, not the child's.
    weight_stride: u32,
    // The supernet's kernel size; a smaller kernel is its centre.
    weight_kernel: u32,
    // First element of the child's scales and shifts for the layer; they alternate, a pair for each group.
    norm_offset: u32,
    // Rows and columns of zeros before the image.
    padding: u32,
    // First element of the input in the source; read only by pointwise_small, linear_wide and fallback.
    source_offset: u32,
    // First element of the output in the destination; read only by pools over all pixels, pointwise_small, linear_wide
    // and fallback.
    destination_offset: u32,
    // First element of the gate in the source; read only by gated pointwise kernels.
    gate_offset: u32,
    // The child's kernel size; read only by fallback, which is specialised to nothing.
    kernel: u32,
    // Bits 0 to 7 stride, 8 to 15 activation, 16 residual, 17 gated, 18 depthwise. A kernel reads only those that it is
    // not specialised to.
    flags: u32,
}

@group(0) @binding(0) var<storage, read> source: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> norms: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> destination: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> layer: Layer;

// Mean and centred sum of squares of every channel of one image, one group of channels a workgroup. A thread takes
// every WORKGROUPth pixel, four at a time. Parts are joined by Chan's formula, in threads and then between them: it
// adds squares of differences and never of values, so that a mean far from zero costs no digits of the variance.
//
// Destination: [group][mean, centred sum of squares].

struct Part {
    mean: vec4<f32>,
    squares: vec4<f32>,
    count: f32,
}

var<workgroup> parts: array<Part, WORKGROUP>;

// Joins two parts, either of which may be of no pixel.
fn join(a: Part, b: Part) -> Part {
    let count = a.count + b.count;
    let share = b.count / max(count, 1.0);
    let difference = b.mean - a.mean;
    let squares = a.squares + b.squares + difference * difference * (a.count * share);
    return Part(a.mean + difference * share, squares, count);
}

@compute @workgroup_size(WORKGROUP)
fn moments(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let group = workgroup.x;
    let pixels = layer.output_width * layer.output_height;
    let first = group * pixels;
    var part = Part(vec4<f32>(), vec4<f32>(), 0.0);
    var pixel = lane;
    for (; pixel + 3u * WORKGROUP < pixels; pixel += 4u * WORKGROUP) {
        let read = first + pixel;
        let a = source[read];
        let b = source[read + WORKGROUP];
        let c = source[read + 2u * WORKGROUP];
        let d = source[read + 3u * WORKGROUP];
        let mean = 0.25 * ((a + b) + (c + d));
        let first_two = (a - mean) * (a - mean) + (b - mean) * (b - mean);
        let squares = first_two + (c - mean) * (c - mean) + (d - mean) * (d - mean);
        part = join(part, Part(mean, squares, 4.0));
    }
    for (; pixel < pixels; pixel += WORKGROUP) {
        part = join(part, Part(source[first + pixel], vec4<f32>(), 1.0));
    }
    parts[lane] = part;
    for (var half = WORKGROUP / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            parts[lane] = join(parts[lane], parts[lane + half]);
        }
    }
    if lane == 0u {
        destination[2u * group] = parts[0].mean;
        destination[2u * group + 1u] = parts[0].squares;
    }
}
