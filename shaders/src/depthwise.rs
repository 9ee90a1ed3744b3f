//! Depthwise convolution, a strip of 4 columns by at most ROWS rows of one group of channels a thread. The strip slides
//! down the input: every input value is read once, and serves all output rows that it touches. Threads run along strips,
//! then groups, so that small images keep them busy.
//!
//! Weight: `[group][row of the kernel][column of the kernel]`, four channels an element. All taps, a line of the input and
//! the sums of every output row that has begun are in registers, which is why they are named and not in arrays:
//! compilers that are left to unroll give up half way.

use crate::Specialisation;
use nestling_core::arithmetic::Arithmetic;
use std::fmt::Write;

/// Columns of a strip.
pub(crate) const COLUMNS: u32 = 4;

/// The kernel's own part.
pub(crate) fn text(specialisation: &Specialisation) -> String {
    let Specialisation { kernel, stride, rows, arithmetic, .. } = *specialisation;
    // Steps from an output row's first kernel row to its last.
    let last_age = (kernel - 1) / stride;
    let ages = last_age + 1;
    let narrow = |value: String| if arithmetic == Arithmetic::F16 { format!("vec4<f16>({value})") } else { value };
    let mut text = format!(
        "@compute @workgroup_size(WORKGROUP)
fn depthwise(@builtin(global_invocation_id) thread: vec3<u32>) {{
    let across = (layer.output_width + {COLUMNS}u - 1u) / {COLUMNS}u;
    let strips = across * ((layer.output_height + {rows}u - 1u) / {rows}u);
    let group = thread.x / strips;
    let column = thread.x % across * {COLUMNS}u;
    let row = thread.x % strips / across * {rows}u;
    if group >= layer.output_groups {{
        return;
    }}
    let crop = (layer.weight_kernel - KERNEL) / 2u;
    let centre = layer.weight_offset + group * layer.weight_stride + crop * layer.weight_kernel + crop;
    let norm = layer.norm_offset + 2u * group;
    let scale = norms[norm];
    let shift = norms[norm + 1u];
    let plane = group * layer.input_width * layer.input_height;
    let left = i32(column * STRIDE) - i32(layer.padding);
    let top = i32(row * STRIDE) - i32(layer.padding);
    let last = i32(layer.input_width) - 1;
    let rows = min({rows}u, layer.output_height - row);
"
    );
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for (y, x) in square(kernel) {
        line(format!("let tap{y}_{x} = {};", narrow(format!("weight(centre + {y}u * layer.weight_kernel + {x}u)"))));
    }
    // Row `age` of the sums began so many steps ago.
    for age in 0..ages {
        for c in 0..COLUMNS {
            line(format!("var sum{age}_{c} = vec4<f32>();"));
        }
    }
    line(format!("for (var step = 0u; step < rows + {last_age}u; step++) {{"));
    line("var input_row = top + i32(step * STRIDE);".to_owned());
    // The stride's rows of a step, then the columns that the strip touches.
    for s in 0..stride.min(kernel) {
        line("if input_row >= 0 && input_row < i32(layer.input_height) {".to_owned());
        line("let start = plane + u32(input_row) * layer.input_width;".to_owned());
        for x in 0..(COLUMNS - 1) * stride + kernel {
            let value = format!("source[start + u32(clamp(left + {x}, 0, last))]");
            let inside = format!("left + {x} >= 0 && left + {x} <= last");
            line(format!("let line{x} = {};", narrow(format!("select(vec4<f32>(), {value}, {inside})"))));
        }
        for age in 0..ages {
            let y = age * stride + s;
            for x in (0..kernel).filter(|_| y < kernel) {
                for c in 0..COLUMNS {
                    let product = format!("tap{y}_{x} * line{}", c * stride + x);
                    let product = if arithmetic == Arithmetic::F16 { format!("vec4<f32>({product})") } else { product };
                    line(format!("sum{age}_{c} += {product};"));
                }
            }
        }
        line("}".to_owned());
        line("input_row += 1;".to_owned());
    }
    line(format!("if step >= {last_age}u {{"));
    line(format!("let to = (group * layer.output_height + row + step - {last_age}u) * layer.output_width + column;"));
    line(format!("epilogue(sum{last_age}_0, scale, shift, to);"));
    for c in 1..COLUMNS {
        let call = format!("epilogue(sum{last_age}_{c}, scale, shift, to + {c}u);");
        line(format!("if column + {c}u < layer.output_width {{ {call} }}"));
    }
    line("}".to_owned());
    for age in (1..ages).rev() {
        for c in 0..COLUMNS {
            line(format!("sum{age}_{c} = sum{}_{c};", age - 1));
        }
    }
    for c in 0..COLUMNS {
        line(format!("sum0_{c} = vec4<f32>();"));
    }
    let _ = write!(text, "}}\n}}\n");
    text
}

fn square(side: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..side).flat_map(move |y| (0..side).map(move |x| (y, x)))
}
