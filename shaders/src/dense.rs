//! Convolution of the image (at most 4 channels, so one group). A thread computes a row of 8 outputs of 2 groups of
//! channels.
//!
//! Weight: `[output group][row of the kernel][column of the kernel][input channel, 4]`, four output channels an
//! element. A line of the image and the sums are in named registers; rows and columns of the kernel are loops.

use crate::Specialisation;
use crate::writer::{Writer, plus};

/// Outputs of a thread along a row.
pub(crate) const PIXELS: u32 = 8;
/// Its groups of output channels.
pub(crate) const GROUPS: u32 = 2;

const HEAD: &str = "@compute @workgroup_size(WORKGROUP)
fn dense(@builtin(global_invocation_id) thread: vec3<u32>)";

/// The kernel's own text.
pub(crate) fn text(specialisation: &Specialisation) -> String {
    let mut to = Writer::default();
    to.line(format_args!("const TILE_PIXELS: u32 = {PIXELS}u;"));
    to.line(format_args!("const TILE_GROUPS: u32 = {GROUPS}u;"));
    to.line("");
    to.input_at();
    to.comment("A thread computes TILE_PIXELS neighbouring pixels of TILE_GROUPS groups of output channels.");
    to.block(HEAD, |to| {
        write_position(to);
        write_sums(specialisation, to);
        write_epilogue(to);
    });
    to.finish()
}

fn write_position(to: &mut Writer) {
    to.line("let tiles_per_row = (layer.output_width + TILE_PIXELS - 1u) / TILE_PIXELS;");
    to.line("let row = thread.x / tiles_per_row;");
    to.line("let column = thread.x % tiles_per_row * TILE_PIXELS;");
    to.line("let group = thread.y * TILE_GROUPS;");
    to.line("let last_group = layer.output_groups - 1u;");
    to.block("if row >= layer.output_height", |to| to.line("return;"));
    to.line("let left = i32(column * STRIDE) - i32(layer.padding);");
    for g in 0..GROUPS {
        // A group past the last computes the last one's sums, and writes none.
        let own = format!("min({}, last_group)", plus("group", g, "u"));
        to.line(format_args!("let weights_g{g} = layer.weight_offset + {own} * layer.weight_stride;"));
    }
}

fn write_sums(specialisation: &Specialisation, to: &mut Writer) {
    for g in 0..GROUPS {
        (0..PIXELS).for_each(|p| to.line(format_args!("var sum_g{g}_p{p} = vec4<f32>();")));
    }
    let columns = (PIXELS - 1) * specialisation.stride + specialisation.kernel;
    to.block("for (var kernel_row = 0u; kernel_row < KERNEL; kernel_row++)", |to| {
        to.line("let input_row = i32(row * STRIDE + kernel_row) - i32(layer.padding);");
        to.block("if input_row < 0 || input_row >= i32(layer.input_height)", |to| to.line("continue;"));
        to.line("let row_start = u32(input_row) * layer.input_width;");
        to.comment("The pixels under the first column of the kernel and to their right; zero beside the image.");
        for x in 0..columns {
            to.line(format_args!("var input{x} = input_at(row_start, {});", plus("left", x, "")));
        }
        to.comment("A loop, under which the line of pixels moves on: one text loads the weights of all columns.");
        to.block("for (var kernel_column = 0u; kernel_column < KERNEL; kernel_column++)", |to| {
            write_column(specialisation, to);
            (1..columns).for_each(|x| to.line(format_args!("input{} = input{x};", x - 1)));
        });
    });
}

/// The products of one column of the kernel.
fn write_column(specialisation: &Specialisation, to: &mut Writer) {
    to.line("let tap = 4u * (kernel_row * KERNEL + kernel_column);");
    for c in 0..specialisation.input_channels {
        for g in 0..GROUPS {
            to.line(format_args!("let weight_g{g}_c{c} = weight({});", plus(format!("weights_g{g} + tap"), c, "u")));
            for p in 0..PIXELS {
                let x = p * specialisation.stride;
                to.line(format_args!("sum_g{g}_p{p} += weight_g{g}_c{c} * input{x}[{c}];"));
            }
        }
    }
}

fn write_epilogue(to: &mut Writer) {
    to.comment("A loop over groups, for the epilogue is long: compilers take longer over it than over the sums.");
    to.block("for (var g = 0u; g < TILE_GROUPS && group + g <= last_group; g++)", |to| {
        to.line("let norm = layer.norm_offset + 2u * (group + g);");
        to.line("let scale = norms[norm];");
        to.line("let shift = norms[norm + 1u];");
        to.line("let output = ((group + g) * layer.output_height + row) * layer.output_width + column;");
        for p in 0..PIXELS {
            to.block(format_args!("if {} < layer.output_width", plus("column", p, "u")), |to| {
                to.line(format_args!("epilogue(sum_g0_p{p}, scale, shift, {});", plus("output", p, "u")));
            });
        }
        to.comment("The next group's sums become the first's.");
        for g in 1..GROUPS {
            (0..PIXELS).for_each(|p| to.line(format_args!("sum_g{}_p{p} = sum_g{g}_p{p};", g - 1)));
        }
    });
}
