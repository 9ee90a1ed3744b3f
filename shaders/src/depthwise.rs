//! Depthwise convolution. A thread computes a strip of 4 columns by at most ROWS rows of one group of channels. The
//! strip slides down the input: every input value is read once, and serves all output rows that it touches. Threads run
//! along strips, then groups, so that small images keep them busy.
//!
//! Weight: `[group][row of the kernel][column of the kernel]`, four channels an element. All taps, a line of the input
//! and the sums of every output row that has begun are in registers. That is why they are named and not in arrays:
//! compilers that are left to unroll give up half way.

use crate::Specialisation;
use crate::writer::{Writer, plus};
use nestling_core::arithmetic::Arithmetic;

/// Columns of a strip.
pub(crate) const COLUMNS: u32 = 4;

const HEAD: &str = "@compute @workgroup_size(WORKGROUP)
fn depthwise(@builtin(global_invocation_id) thread: vec3<u32>)";

/// The kernel's own text.
pub(crate) fn text(specialisation: &Specialisation) -> String {
    let Specialisation { kernel, rows, .. } = *specialisation;
    let oldest = oldest(specialisation);
    let mut to = Writer::default();
    to.line(format_args!("const STRIP_COLUMNS: u32 = {COLUMNS}u;"));
    to.line(format_args!("const STRIP_ROWS: u32 = {rows}u;"));
    to.line("");
    to.input_at();
    to.comment(
        "A thread computes a strip of STRIP_COLUMNS columns by at most STRIP_ROWS rows of one group of channels.",
    );
    to.block(HEAD, |to| {
        write_position(to);
        to.comment("The taps: the centre of the supernet's kernel.");
        for (y, x) in (0..kernel).flat_map(|y| (0..kernel).map(move |x| (y, x))) {
            let index = plus(format!("first_tap + {y}u * layer.weight_kernel"), x, "u");
            let tap = narrowed(specialisation, format!("weight({index})"));
            to.line(format_args!("let tap_y{y}_x{x} = {tap};"));
        }
        to.comment("Sums of the output rows that have begun; those of age `a` began `a` steps ago.");
        for age in 0..=oldest {
            (0..COLUMNS).for_each(|c| to.line(format_args!("var sum_a{age}_c{c} = vec4<f32>();")));
        }
        to.block(format_args!("for (var step = 0u; step < rows + {oldest}u; step++)"), |to| {
            write_input_rows(specialisation, to);
            write_finished_row(oldest, to);
            to.comment("Every row is a step older, and one begins.");
            for age in (1..=oldest).rev() {
                (0..COLUMNS).for_each(|c| to.line(format_args!("sum_a{age}_c{c} = sum_a{}_c{c};", age - 1)));
            }
            (0..COLUMNS).for_each(|c| to.line(format_args!("sum_a0_c{c} = vec4<f32>();")));
        });
    });
    to.finish()
}

/// Steps from an output row's first kernel row to its last.
fn oldest(specialisation: &Specialisation) -> u32 {
    (specialisation.kernel - 1) / specialisation.stride
}

/// A factor in the number type of products.
fn narrowed(specialisation: &Specialisation, value: String) -> String {
    match specialisation.arithmetic {
        Arithmetic::F32 => value,
        Arithmetic::F16 => format!("vec4<f16>({value})"),
    }
}

fn write_position(to: &mut Writer) {
    to.line("let strips_per_row = (layer.output_width + STRIP_COLUMNS - 1u) / STRIP_COLUMNS;");
    to.line("let strips = strips_per_row * ((layer.output_height + STRIP_ROWS - 1u) / STRIP_ROWS);");
    to.line("let group = thread.x / strips;");
    to.line("let column = thread.x % strips_per_row * STRIP_COLUMNS;");
    to.line("let row = thread.x % strips / strips_per_row * STRIP_ROWS;");
    to.block("if group >= layer.output_groups", |to| to.line("return;"));
    to.line("let crop = (layer.weight_kernel - KERNEL) / 2u;");
    to.line("let first_weight = layer.weight_offset + group * layer.weight_stride;");
    to.line("let first_tap = first_weight + crop * layer.weight_kernel + crop;");
    to.line("let norm = layer.norm_offset + 2u * group;");
    to.line("let scale = norms[norm];");
    to.line("let shift = norms[norm + 1u];");
    to.line("let plane = group * layer.input_width * layer.input_height;");
    to.line("let left = i32(column * STRIDE) - i32(layer.padding);");
    to.line("let top = i32(row * STRIDE) - i32(layer.padding);");
    to.line("let rows = min(STRIP_ROWS, layer.output_height - row);");
}

/// The input rows of a step, as many as the stride, and their products with every output row that they touch.
fn write_input_rows(specialisation: &Specialisation, to: &mut Writer) {
    let Specialisation { kernel, stride, .. } = *specialisation;
    to.line("var input_row = top + i32(step * STRIDE);");
    for s in 0..stride.min(kernel) {
        to.block("if input_row >= 0 && input_row < i32(layer.input_height)", |to| {
            to.line("let row_start = plane + u32(input_row) * layer.input_width;");
            for x in 0..(COLUMNS - 1) * stride + kernel {
                let value = narrowed(specialisation, format!("input_at(row_start, {})", plus("left", x, "")));
                to.line(format_args!("let input{x} = {value};"));
            }
            for age in 0..=oldest(specialisation) {
                let y = age * stride + s;
                for (x, c) in (0..kernel).filter(|_| y < kernel).flat_map(|x| (0..COLUMNS).map(move |c| (x, c))) {
                    let product = format!("tap_y{y}_x{x} * input{}", c * stride + x);
                    let product = match specialisation.arithmetic {
                        Arithmetic::F32 => product,
                        Arithmetic::F16 => format!("vec4<f32>({product})"),
                    };
                    to.line(format_args!("sum_a{age}_c{c} += {product};"));
                }
            }
        });
        to.line("input_row += 1;");
    }
}

/// The output row that has met its last input row.
fn write_finished_row(oldest: u32, to: &mut Writer) {
    to.block(format_args!("if step >= {oldest}u"), |to| {
        let row = format!("(group * layer.output_height + row + step - {oldest}u)");
        to.line(format_args!("let output = {row} * layer.output_width + column;"));
        to.line(format_args!("epilogue(sum_a{oldest}_c0, scale, shift, output);"));
        for c in 1..COLUMNS {
            to.block(format_args!("if column + {c}u < layer.output_width"), |to| {
                to.line(format_args!("epilogue(sum_a{oldest}_c{c}, scale, shift, output + {c}u);"));
            });
        }
    });
}
