//! 1x1 convolution. A thread computes a tile of pixels by groups of four output channels, all sums in registers: each
//! weight that it loads serves the tile's pixels, each pixel serves the tile's channels. A thread's pixels lie
//! WORKGROUP apart, so that neighbouring threads read neighbouring pixels.
//!
//! Weights come from the buffer, or through the subgroup: each of 8 neighbouring lanes loads one element of every two
//! groups and broadcasts it, so that a thread loads an eighth of them. That needs subgroups of at least 8 lanes and a
//! WORKGROUP that is a multiple of 8.
//!
//! Weight: `[output group][input group][input channel of the group]`, four output channels an element.

use crate::writer::{Writer, plus};
use crate::{Gate, Specialisation};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::tiles::Tile;

/// The kernel's own text.
pub(crate) fn text(specialisation: &Specialisation) -> String {
    let Specialisation { tile: Tile { pixels, groups }, broadcast, .. } = *specialisation;
    let lane = if broadcast { ",\n    @builtin(subgroup_invocation_id) subgroup_lane: u32," } else { "," };
    let head = format!(
        "@compute @workgroup_size(WORKGROUP)
fn pointwise(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) lane: u32{lane}
)"
    );
    let mut to = Writer::default();
    to.line(format_args!("const TILE_PIXELS: u32 = {pixels}u;"));
    to.line(format_args!("const TILE_GROUPS: u32 = {groups}u;"));
    to.line("");
    to.comment("A thread computes TILE_PIXELS pixels, WORKGROUP apart, of TILE_GROUPS groups of four output channels.");
    to.block(head, |to| {
        to.line("let pixels = layer.output_width * layer.output_height;");
        to.line("let last_group = layer.output_groups - 1u;");
        to.line("let group = workgroup.y * TILE_GROUPS;");
        to.line("let first_pixel = workgroup.x * WORKGROUP * TILE_PIXELS + lane;");
        write_places(specialisation, to);
        for (g, p) in tile_of(pixels, groups) {
            to.line(format_args!("var sum_g{g}_p{p} = vec4<f32>();"));
        }
        to.block("for (var i = 0u; i < layer.input_groups; i++)", |to| write_input_group(specialisation, to));
        write_calls(specialisation.tile, to);
    });
    to.line("");
    write_output(pixels, &mut to);
    to.finish()
}

/// Where the thread's pixels and weights are.
fn write_places(specialisation: &Specialisation, to: &mut Writer) {
    let Specialisation { tile: Tile { pixels, groups }, broadcast, .. } = *specialisation;
    to.comment("Threads past the end read the last pixel and write nothing. They stay, for their lanes hold weights.");
    for p in 0..pixels {
        let own = if p == 0 { "first_pixel".to_owned() } else { format!("first_pixel + {p}u * WORKGROUP") };
        to.line(format_args!("var source_p{p} = min({own}, pixels - 1u);"));
    }
    if broadcast {
        to.comment("Lane 4g + c of the first 8 loads column c of group g, and of every second group after it.");
        to.line("let slot = subgroup_lane & 7u;");
        to.line("let first_column = layer.weight_offset + (slot & 3u);");
        for pair in 0..groups.div_ceil(2) {
            let own = format!("min({}, last_group)", plus("group + (slot >> 2u)", 2 * pair, "u"));
            to.line(format_args!("var column_pair{pair} = first_column + {own} * layer.weight_stride;"));
        }
    } else {
        for g in 0..groups {
            let own = format!("min({}, last_group)", plus("group", g, "u"));
            to.line(format_args!("var column_g{g} = layer.weight_offset + {own} * layer.weight_stride;"));
        }
    }
}

/// All products of one input group.
fn write_input_group(specialisation: &Specialisation, to: &mut Writer) {
    let Specialisation { tile: Tile { pixels, groups }, broadcast, arithmetic, .. } = *specialisation;
    if is_gated(specialisation) {
        to.line("let gate = gate_of(i);");
    }
    if broadcast {
        for pair in 0..groups.div_ceil(2) {
            to.line(format_args!("let held_pair{pair} = weight(column_pair{pair});"));
            to.line(format_args!("column_pair{pair} += 4u;"));
        }
        (0..pixels).for_each(|p| write_pixel(specialisation, p, to));
        for g in 0..groups {
            let column = |c: u32| format!("subgroupBroadcast(held_pair{}, {}u)", g / 2, 4 * (g % 2) + c);
            write_matrix(arithmetic, g, column, to);
            (0..pixels).for_each(|p| write_product(arithmetic, g, p, to));
        }
    } else {
        for g in 0..groups {
            write_matrix(arithmetic, g, |c| format!("weight({})", plus(format!("column_g{g}"), c, "u")), to);
            to.line(format_args!("column_g{g} += 4u;"));
        }
        for p in 0..pixels {
            write_pixel(specialisation, p, to);
            (0..groups).for_each(|g| write_product(arithmetic, g, p, to));
        }
    }
}

fn is_gated(specialisation: &Specialisation) -> bool {
    match specialisation.gate {
        Gate::None => false,
        Gate::Every | Gate::AsLayer => true,
    }
}

/// The four weights of each of four input channels.
fn write_matrix(arithmetic: Arithmetic, g: u32, column: impl Fn(u32) -> String, to: &mut Writer) {
    let columns = (0..4).map(|c| narrowed(arithmetic, column(c)));
    let number = arithmetic.wgsl();
    to.list(format_args!("let matrix_g{g} = mat4x4<{number}>("), columns, ");");
}

fn write_pixel(specialisation: &Specialisation, p: u32, to: &mut Writer) {
    let gate = if is_gated(specialisation) { " * gate" } else { "" };
    let value = narrowed(specialisation.arithmetic, format!("source[source_p{p}]{gate}"));
    to.line(format_args!("let input_p{p} = {value};"));
    to.line(format_args!("source_p{p} += pixels;"));
}

fn write_product(arithmetic: Arithmetic, g: u32, p: u32, to: &mut Writer) {
    match arithmetic {
        Arithmetic::F32 => to.line(format_args!("sum_g{g}_p{p} += matrix_g{g} * input_p{p};")),
        // Four products are added in 16 bits, everything else in 32.
        Arithmetic::F16 => to.line(format_args!("sum_g{g}_p{p} += vec4<f32>(matrix_g{g} * input_p{p});")),
    }
}

/// A factor in the number type of products.
fn narrowed(arithmetic: Arithmetic, value: String) -> String {
    match arithmetic {
        Arithmetic::F32 => value,
        Arithmetic::F16 => format!("vec4<f16>({value})"),
    }
}

/// The end of every group that there is.
fn write_calls(Tile { pixels, groups }: Tile, to: &mut Writer) {
    let sums: String = (0..pixels).map(|p| format!(", sum_g0_p{p}")).collect();
    if groups == 1 {
        to.line(format_args!("write(group, first_pixel, pixels{sums});"));
        return;
    }
    to.comment("A loop over groups, for the epilogue is long: compilers take longer over it than over the sums.");
    to.block("for (var g = 0u; g < TILE_GROUPS && group + g <= last_group; g++)", |to| {
        to.line(format_args!("write(group + g, first_pixel, pixels{sums});"));
        to.comment("The next group's sums become the first's.");
        for (g, p) in tile_of(pixels, groups - 1) {
            to.line(format_args!("sum_g{g}_p{p} = sum_g{}_p{p};", g + 1));
        }
    });
}

/// The function that ends one group of a thread's pixels.
fn write_output(pixels: u32, to: &mut Writer) {
    let sums = (0..pixels).map(|p| format!("sum_p{p}: vec4<f32>"));
    let parameters = ["group", "first_pixel", "pixels"].map(|name| format!("{name}: u32")).into_iter().chain(sums);
    to.comment("Ends one group of a thread's pixels.");
    let head = format!("fn write(\n    {},\n)", parameters.collect::<Vec<_>>().join(",\n    "));
    to.block(head, |to| {
        to.line("let norm = layer.norm_offset + 2u * group;");
        to.line("let scale = norms[norm];");
        to.line("let shift = norms[norm + 1u];");
        to.line("var pixel = first_pixel;");
        for p in 0..pixels {
            to.block("if pixel < pixels", |to| {
                to.line(format_args!("epilogue(sum_p{p}, scale, shift, group * pixels + pixel);"));
            });
            if p + 1 < pixels {
                to.line("pixel += WORKGROUP;");
            }
        }
    });
}

fn tile_of(pixels: u32, groups: u32) -> impl Iterator<Item = (u32, u32)> {
    (0..groups).flat_map(move |g| (0..pixels).map(move |p| (g, p)))
}
