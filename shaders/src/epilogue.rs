//! The start and the end of a layer: the gate of its input, then batch norm, residual and activation of its sums. A
//! module holds as much of them as its pipeline needs.

use crate::writer::Writer;
use crate::{Epilogue, Gate};
use nestling_core::space::Activation;

/// The functions `activate` and `epilogue`.
pub(crate) fn write(epilogue: Epilogue, to: &mut Writer) {
    write_activation(epilogue, to);
    write_epilogue(epilogue, to);
}

fn write_activation(epilogue: Epilogue, to: &mut Writer) {
    let uses_exp = match epilogue {
        Epilogue::Fixed(activation) | Epilogue::Mixed(activation) => activation.row().uses_exp,
        Epilogue::AsLayer => true,
    };
    if uses_exp {
        to.comment("exp(-x), kept finite: WGSL does not promise infinities.");
        to.block("fn exp_minus(x: vec4<f32>) -> vec4<f32>", |to| {
            to.line("return exp(min(-x, vec4<f32>(80.0)));");
        });
        to.line("");
    }
    match epilogue {
        Epilogue::Fixed(activation) | Epilogue::Mixed(activation) => {
            to.comment(activation.row().name);
            to.block("fn activate(x: vec4<f32>) -> vec4<f32>", |to| {
                to.line(format_args!("return {};", activation.row().wgsl));
            });
        }
        Epilogue::AsLayer => write_any_activation(to),
    }
    to.line("");
}

fn write_any_activation(to: &mut Writer) {
    to.comment("Any activation, without a branch: quick to compile, and software would run all branches anyway.");
    to.block("fn activate(x: vec4<f32>) -> vec4<f32>", |to| {
        to.line("let activation = (layer.flags >> ACTIVATION_SHIFT) & ACTIVATION_MASK;");
        to.line("var y = x;");
        for activation in Activation::ALL.into_iter().filter(|&one| one != Activation::Identity) {
            let (row, number) = (activation.row(), activation.number());
            to.line(format_args!("y = select(y, {}, activation == {number}u); // {}", row.wgsl, row.name));
        }
        to.line("return y;");
    });
}

/// The functions `gate_of` and `gated`.
pub(crate) fn write_gate(gate: Gate, to: &mut Writer) {
    let factors = "source[layer.gate_offset + input_group]";
    let (factors, gated) = match gate {
        Gate::None => ("vec4<f32>(1.0)".to_owned(), "x"),
        Gate::Every => (factors.to_owned(), "x * gate"),
        Gate::AsLayer => {
            let one = "vec4<f32>(1.0)";
            (format!("select({one}, {factors}, (layer.flags & GATED_INPUT) != 0u)"), "x * gate")
        }
    };
    to.comment("The factors of an input group.");
    to.block("fn gate_of(input_group: u32) -> vec4<f32>", |to| to.line(format_args!("return {factors};")));
    to.line("");
    to.block("fn gated(x: vec4<f32>, gate: vec4<f32>) -> vec4<f32>", |to| to.line(format_args!("return {gated};")));
    to.line("");
}

fn write_epilogue(epilogue: Epilogue, to: &mut Writer) {
    let (may_add, may_be_identity) = match epilogue {
        Epilogue::Fixed(_) => (false, false),
        Epilogue::Mixed(_) => (true, true),
        Epilogue::AsLayer => (true, false),
    };
    to.comment("Batch norm (or bias), residual and activation of one element of the output.");
    let head = "fn epilogue(sum: vec4<f32>, scale: vec4<f32>, shift: vec4<f32>, index: u32)";
    to.block(head, |to| {
        to.line("var value = sum * scale + shift;");
        if may_add {
            to.comment("The destination holds the residual; no other thread reads or writes this element.");
            to.block("if (layer.flags & RESIDUAL_OUTPUT) != 0u", |to| to.line("value += destination[index];"));
        }
        if may_be_identity {
            to.line("let is_identity = ((layer.flags >> ACTIVATION_SHIFT) & ACTIVATION_MASK) == IDENTITY;");
            to.line("destination[index] = select(activate(value), value, is_identity);");
        } else {
            to.line("destination[index] = activate(value);");
        }
    });
    to.line("");
}
