// Depthwise convolution, a strip of 4 columns by at most ROWS rows of one group of channels a thread. The strip slides
// down the input: every input value is read once, and serves all output rows that it touches. Threads run along strips,
// then groups, so that small images keep them busy.
//
// Weight: [group][row of the kernel][column of the kernel], four channels an element.
//
// Written without loops but the sliding one: all indices are constants once functions are inlined and overrides set, so
// the arrays live in registers. Compilers that are left to unroll give up half way.

override ROWS: u32 = 4u;
// Steps from an output row's first kernel row to its last.
override LAST_AGE: u32 = (KERNEL - 1u) / STRIDE;

var<private> taps: array<vec4<f32>, 49>;
// Columns of one input row.
var<private> line: array<vec4<f32>, 13>;
// Element 4a + x is column x of the output row that began a steps ago.
var<private> sums: array<vec4<f32>, 28>;

@compute @workgroup_size(WORKGROUP)
fn depthwise(@builtin(global_invocation_id) thread: vec3<u32>) {
    let across = (layer.output_width + 3u) / 4u;
    let strips = across * ((layer.output_height + ROWS - 1u) / ROWS);
    let group = thread.x / strips;
    let column = thread.x % across * 4u;
    let row = thread.x % strips / across * ROWS;
    if group >= layer.output_groups {
        return;
    }
    let crop = (layer.weight_kernel - KERNEL) / 2u;
    let centre = layer.weight_offset + group * layer.weight_stride + crop * layer.weight_kernel + crop;
    load_taps(0u, centre);
    load_taps(1u, centre);
    load_taps(2u, centre);
    load_taps(3u, centre);
    load_taps(4u, centre);
    load_taps(5u, centre);
    load_taps(6u, centre);
    let norm = layer.norm_offset + 2u * group;
    let scale = norms[norm];
    let shift = norms[norm + 1u];
    let plane = group * layer.input_width * layer.input_height;
    let left = i32(column * STRIDE) - i32(layer.padding);
    let top = i32(row * STRIDE) - i32(layer.padding);
    let rows = min(ROWS, layer.output_height - row);
    for (var step = 0u; step < rows + LAST_AGE; step++) {
        slide(0u, plane, top + i32(step * STRIDE), left);
        if STRIDE > 1u {
            slide(1u, plane, top + i32(step * STRIDE) + 1, left);
        }
        if step >= LAST_AGE {
            let to = (group * layer.output_height + row + step - LAST_AGE) * layer.output_width + column;
            close(sums[4u * LAST_AGE], scale, shift, to);
            if column + 1u < layer.output_width {
                close(sums[4u * LAST_AGE + 1u], scale, shift, to + 1u);
            }
            if column + 2u < layer.output_width {
                close(sums[4u * LAST_AGE + 2u], scale, shift, to + 2u);
            }
            if column + 3u < layer.output_width {
                close(sums[4u * LAST_AGE + 3u], scale, shift, to + 3u);
            }
        }
        grow_older(6u);
        grow_older(5u);
        grow_older(4u);
        grow_older(3u);
        grow_older(2u);
        grow_older(1u);
        sums[0] = vec4<f32>();
        sums[1] = vec4<f32>();
        sums[2] = vec4<f32>();
        sums[3] = vec4<f32>();
    }
}

fn load_taps(y: u32, centre: u32) {
    if y < KERNEL && 0u < KERNEL {
        taps[y * KERNEL + 0u] = weight(centre + y * layer.weight_kernel + 0u);
    }
    if y < KERNEL && 1u < KERNEL {
        taps[y * KERNEL + 1u] = weight(centre + y * layer.weight_kernel + 1u);
    }
    if y < KERNEL && 2u < KERNEL {
        taps[y * KERNEL + 2u] = weight(centre + y * layer.weight_kernel + 2u);
    }
    if y < KERNEL && 3u < KERNEL {
        taps[y * KERNEL + 3u] = weight(centre + y * layer.weight_kernel + 3u);
    }
    if y < KERNEL && 4u < KERNEL {
        taps[y * KERNEL + 4u] = weight(centre + y * layer.weight_kernel + 4u);
    }
    if y < KERNEL && 5u < KERNEL {
        taps[y * KERNEL + 5u] = weight(centre + y * layer.weight_kernel + 5u);
    }
    if y < KERNEL && 6u < KERNEL {
        taps[y * KERNEL + 6u] = weight(centre + y * layer.weight_kernel + 6u);
    }
}

fn grow_older(age: u32) {
    if age <= LAST_AGE {
        sums[4u * age + 0u] = sums[4u * age - 4u + 0u];
        sums[4u * age + 1u] = sums[4u * age - 4u + 1u];
        sums[4u * age + 2u] = sums[4u * age - 4u + 2u];
        sums[4u * age + 3u] = sums[4u * age - 4u + 3u];
    }
}

// Adds an input row to every output row that it touches. `s` is its place among the STRIDE rows of a step.
fn slide(s: u32, plane: u32, row: i32, left: i32) {
    if row < 0 || row >= i32(layer.input_height) {
        return;
    }
    let start = plane + u32(row) * layer.input_width;
    load_column(0u, start, left);
    load_column(1u, start, left);
    load_column(2u, start, left);
    load_column(3u, start, left);
    load_column(4u, start, left);
    load_column(5u, start, left);
    load_column(6u, start, left);
    load_column(7u, start, left);
    load_column(8u, start, left);
    load_column(9u, start, left);
    load_column(10u, start, left);
    load_column(11u, start, left);
    load_column(12u, start, left);
    accumulate(0u, s);
    accumulate(1u, s);
    accumulate(2u, s);
    accumulate(3u, s);
    accumulate(4u, s);
    accumulate(5u, s);
    accumulate(6u, s);
}

// A column of the input; zero outside.
fn load_column(x: u32, start: u32, left: i32) {
    if x < 3u * STRIDE + KERNEL {
        let column = left + i32(x);
        let last = i32(layer.input_width) - 1;
        let value = source[start + u32(clamp(column, 0, last))];
        line[x] = select(vec4<f32>(), value, column >= 0 && column <= last);
    }
}

fn accumulate(age: u32, s: u32) {
    multiply(age, age * STRIDE + s, 0u);
    multiply(age, age * STRIDE + s, 1u);
    multiply(age, age * STRIDE + s, 2u);
    multiply(age, age * STRIDE + s, 3u);
    multiply(age, age * STRIDE + s, 4u);
    multiply(age, age * STRIDE + s, 5u);
    multiply(age, age * STRIDE + s, 6u);
}

fn multiply(age: u32, y: u32, x: u32) {
    if y < KERNEL && x < KERNEL {
        let tap = taps[y * KERNEL + x];
        sums[4u * age] += tap * line[x];
        sums[4u * age + 1u] += tap * line[STRIDE + x];
        sums[4u * age + 2u] += tap * line[2u * STRIDE + x];
        sums[4u * age + 3u] += tap * line[3u * STRIDE + x];
    }
}
