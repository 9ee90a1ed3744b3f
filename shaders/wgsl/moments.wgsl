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
