//! Convolution of the image (at most 4 channels, so one group), a row of 8 outputs of 2 groups of channels a thread.
//!
//! Weight: `[output group][row of the kernel][column of the kernel][input channel, 4]`, four output channels an element.
//! A line of the image and the sums are in named registers; rows of the kernel are a loop.

use crate::Specialisation;

/// Outputs of a thread along a row.
pub(crate) const PIXELS: u32 = 8;
/// Its groups of output channels.
pub(crate) const GROUPS: u32 = 2;

/// The kernel's own part.
pub(crate) fn text(specialisation: &Specialisation) -> String {
    let Specialisation { kernel, stride, input_channels, .. } = *specialisation;
    let mut text = format!(
        "@compute @workgroup_size(WORKGROUP)
fn dense(@builtin(global_invocation_id) thread: vec3<u32>) {{
    let across = (layer.output_width + {PIXELS}u - 1u) / {PIXELS}u;
    let row = thread.x / across;
    let column = thread.x % across * {PIXELS}u;
    let group = thread.y * {GROUPS}u;
    let last_group = layer.output_groups - 1u;
    if row >= layer.output_height {{
        return;
    }}
    let left = i32(column * STRIDE) - i32(layer.padding);
    let last = i32(layer.input_width) - 1;
"
    );
    let mut line = |line: String| {
        text.push_str(&line);
        text.push('\n');
    };
    for g in 0..GROUPS {
        line(format!("let weights{g} = layer.weight_offset + min(group + {g}u, last_group) * layer.weight_stride;"));
        for p in 0..PIXELS {
            line(format!("var sum{g}_{p} = vec4<f32>();"));
        }
    }
    line("for (var y = 0u; y < KERNEL; y++) {".to_owned());
    line("let input_row = i32(row * STRIDE + y) - i32(layer.padding);".to_owned());
    line("if input_row < 0 || input_row >= i32(layer.input_height) { continue; }".to_owned());
    line("let start = u32(input_row) * layer.input_width;".to_owned());
    let columns = (PIXELS - 1) * stride + kernel;
    for x in 0..columns {
        let inside = format!("left + {x} >= 0 && left + {x} <= last");
        let value = format!("source[start + u32(clamp(left + {x}, 0, last))]");
        line(format!("var line{x} = select(vec4<f32>(), {value}, {inside});"));
    }
    // A loop over the kernel's columns, under which the line moves on: weights are loaded by one text for all of them.
    line("for (var x = 0u; x < KERNEL; x++) {".to_owned());
    for channel in 0..input_channels {
        for g in 0..GROUPS {
            let tap = format!("weights{g} + 4u * (y * KERNEL + x) + {channel}u");
            line(format!("let tap{g}_{channel} = weight({tap});"));
            for p in 0..PIXELS {
                line(format!("sum{g}_{p} += tap{g}_{channel} * line{}[{channel}];", p * stride));
            }
        }
    }
    for x in 1..columns {
        line(format!("line{} = line{x};", x - 1));
    }
    line("}".to_owned());
    line("}".to_owned());
    // A loop, for what closes a group is long: compilers take longer over it than over the sums.
    line(format!("for (var g = 0u; g < {GROUPS}u && group + g <= last_group; g++) {{"));
    line("let norm = layer.norm_offset + 2u * (group + g);".to_owned());
    line("let scale = norms[norm];".to_owned());
    line("let shift = norms[norm + 1u];".to_owned());
    line("let to = ((group + g) * layer.output_height + row) * layer.output_width + column;".to_owned());
    for p in 0..PIXELS {
        let call = format!("epilogue(sum0_{p}, scale, shift, to + {p}u);");
        line(format!("if column + {p}u < layer.output_width {{ {call} }}"));
        for g in 1..GROUPS {
            line(format!("sum{}_{p} = sum{g}_{p};", g - 1));
        }
    }
    line("}".to_owned());
    text + "}\n"
}
