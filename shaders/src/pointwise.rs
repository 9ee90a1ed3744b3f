//! 1x1 convolution, a tile of pixels by groups of four output channels a thread, all sums in registers: each weight
//! loaded serves the tile's pixels, each pixel loaded serves its channels. A thread's pixels lie WORKGROUP apart, so that
//! neighbouring threads read neighbouring pixels.
//!
//! Weights come from the buffer, or through the subgroup: each of 8 neighbouring lanes loads one element of every two
//! groups and broadcasts it, so that a thread loads an eighth of them. That needs subgroups of at least 8 lanes and a
//! WORKGROUP that is a multiple of 8.
//!
//! Weight: `[output group][input group][input channel of the group]`, four output channels an element.

use crate::{Gate, Specialisation};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::tiles::Tile;
use std::fmt::Write;

/// The kernel's own part.
pub(crate) fn text(specialisation: &Specialisation) -> String {
    let Specialisation { tile: Tile { pixels, groups }, broadcast, arithmetic, .. } = *specialisation;
    let mut body = String::new();
    let mut line = |text: String| {
        body.push_str("    ");
        body.push_str(&text);
        body.push('\n');
    };
    // Threads past the end read the last pixel and write nothing; they stay, for their lanes hold weights.
    for p in 0..pixels {
        line(format!("var read{p} = min(first + {p}u * WORKGROUP, pixels - 1u);"));
    }
    if broadcast {
        // Lane 4g + c of the first 8 loads column c of group g, and of every second group after it.
        line("let slot = subgroup_lane & 7u;".to_owned());
        line("let column = layer.weight_offset + (slot & 3u);".to_owned());
        for pair in 0..groups.div_ceil(2) {
            let own = format!("min(group + (slot >> 2u) + {}u, last_group)", 2 * pair);
            line(format!("var column{pair} = column + {own} * layer.weight_stride;"));
        }
    } else {
        for g in 0..groups {
            let own = format!("min(group + {g}u, last_group)");
            line(format!("var column{g} = layer.weight_offset + {own} * layer.weight_stride;"));
        }
    }
    for (g, p) in tile_of(pixels, groups) {
        line(format!("var sum{g}_{p} = vec4<f32>();"));
    }
    line("for (var i = 0u; i < layer.input_groups; i++) {".to_owned());
    if specialisation.gate != Gate::None {
        line("let gate = gate_of(i);".to_owned());
    }
    let number = arithmetic.wgsl();
    let load_pixel = |p: u32| {
        let gate = if specialisation.gate == Gate::None { "" } else { " * gate" };
        let value = format!("source[read{p}]{gate}");
        let value = if arithmetic == Arithmetic::F16 { format!("vec4<f16>({value})") } else { value };
        [format!("let x{p} = {value};"), format!("read{p} += pixels;")]
    };
    let multiply = |g: u32, p: u32| match arithmetic {
        Arithmetic::F32 => format!("sum{g}_{p} += w{g} * x{p};"),
        // Four products are added in 16 bits, everything else in 32.
        Arithmetic::F16 => format!("sum{g}_{p} += vec4<f32>(w{g} * x{p});"),
    };
    let matrix = |g: u32, columns: [String; 4]| format!("let w{g} = mat4x4<{number}>({});", columns.join(", "));
    if broadcast {
        for pair in 0..groups.div_ceil(2) {
            line(format!("let held{pair} = weight(column{pair});"));
            line(format!("column{pair} += 4u;"));
        }
        for p in 0..pixels {
            load_pixel(p).into_iter().for_each(&mut line);
        }
        for g in 0..groups {
            let column = |c: u32| {
                let value = format!("subgroupBroadcast(held{}, {}u)", g / 2, 4 * (g % 2) + c);
                if arithmetic == Arithmetic::F16 { format!("vec4<f16>({value})") } else { value }
            };
            line(matrix(g, [0, 1, 2, 3].map(column)));
            for p in 0..pixels {
                line(multiply(g, p));
            }
        }
    } else {
        for g in 0..groups {
            let column = |c: u32| {
                let value = format!("weight(column{g} + {c}u)");
                if arithmetic == Arithmetic::F16 { format!("vec4<f16>({value})") } else { value }
            };
            line(matrix(g, [0, 1, 2, 3].map(column)));
            line(format!("column{g} += 4u;"));
        }
        for p in 0..pixels {
            load_pixel(p).into_iter().for_each(&mut line);
            for g in 0..groups {
                line(multiply(g, p));
            }
        }
    }
    line("}".to_owned());
    let row = |g: u32| (0..pixels).map(|p| format!(", sum{g}_{p}")).collect::<String>();
    if groups == 1 {
        line(format!("write(group, first, pixels{});", row(0)));
    } else {
        // A loop, for what closes a group is long: compilers take longer over it than over the sums.
        line(format!("for (var g = 0u; g < {groups}u && group + g <= last_group; g++) {{"));
        line(format!("write(group + g, first, pixels{});", row(0)));
        for (g, p) in tile_of(pixels, groups - 1) {
            line(format!("sum{g}_{p} = sum{}_{p};", g + 1));
        }
        line("}".to_owned());
    }
    let subgroup_lane = if broadcast { ", @builtin(subgroup_invocation_id) subgroup_lane: u32" } else { "" };
    let mut text = format!(
        "@compute @workgroup_size(WORKGROUP)
fn pointwise(
    @builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) lane: u32{subgroup_lane}
) {{
    let pixels = layer.output_width * layer.output_height;
    let last_group = layer.output_groups - 1u;
    let group = workgroup.y * {groups}u;
    let first = workgroup.x * WORKGROUP * {pixels}u + lane;
{body}}}

fn write(group: u32, first: u32, pixels: u32"
    );
    for p in 0..pixels {
        let _ = write!(text, ", sum{p}: vec4<f32>");
    }
    text += ") {
    let norm = layer.norm_offset + 2u * group;
    let scale = norms[norm];
    let shift = norms[norm + 1u];
    var pixel = first;
";
    for p in 0..pixels {
        let _ = writeln!(text, "    if pixel < pixels {{ epilogue(sum{p}, scale, shift, group * pixels + pixel); }}");
        text += "    pixel += WORKGROUP;\n";
    }
    text + "}\n"
}

fn tile_of(pixels: u32, groups: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..groups).flat_map(move |g| (0..pixels).map(move |p| (g, p)))
}
