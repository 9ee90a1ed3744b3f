//! What opens and closes a layer: the gate, batch norm, residual and activation, as much of it as a pipeline needs.

use crate::{Epilogue, Gate, Specialisation};

/// exp(-x), kept finite: WGSL does not promise infinities.
const EXP_MINUS: &str = "
fn exp_minus(x: vec4<f32>) -> vec4<f32> {
    return exp(min(-x, vec4<f32>(80.0)));
}
";

/// Any activation without a branch: quick to compile, and software would run all branches anyway.
const ANY: &str = "
fn activate(x: vec4<f32>) -> vec4<f32> {
    let activation = (layer.flags >> 8u) & 255u;
    let most = select(3.0e38, 6.0, activation == 2u);
    let least = select(-3.0e38, 0.0, activation == 1u || activation == 2u);
    let soft = 1.0 / (1.0 + exp_minus(x));
    let hard = clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0);
    let factor = select(soft, hard, activation == 4u || activation == 6u);
    let cut = clamp(x, vec4<f32>(least), vec4<f32>(most));
    let shaped = factor * select(x, vec4<f32>(1.0), activation >= 5u);
    return select(cut, shaped, activation >= 3u);
}
";

fn one(activation: u32) -> &'static str {
    match activation {
        0 => "x",
        1 => "max(x, vec4<f32>(0.0))",
        2 => "clamp(x, vec4<f32>(0.0), vec4<f32>(6.0))",
        3 => "x / (1.0 + exp_minus(x))",
        4 => "x * clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0)",
        5 => "1.0 / (1.0 + exp_minus(x))",
        _ => "clamp(x + 3.0, vec4<f32>(0.0), vec4<f32>(6.0)) * (1.0 / 6.0)",
    }
}

/// The functions `gate_of`, `gated` and `close`.
pub(crate) fn text(specialisation: &Specialisation) -> String {
    // The residual is what the destination holds: every thread reads only what it then overwrites.
    let residual = "if (layer.flags & RESIDUAL_OUTPUT) != 0u { value += destination[index]; }";
    let (activate, residual, result) = match specialisation.epilogue {
        Epilogue::Fixed(activation) => (Some(activation), "", "activate(value)"),
        Epilogue::Mixed(activation) => {
            let is_identity = "select(activate(value), value, (layer.flags & 65280u) == 0u)";
            (Some(activation), residual, is_identity)
        }
        Epilogue::AsLayer => (None, residual, "activate(value)"),
    };
    let mut text = EXP_MINUS.to_owned();
    match activate {
        Some(activation) => {
            let value = one(activation);
            text += &format!("fn activate(x: vec4<f32>) -> vec4<f32> {{ return {value}; }}\n");
        }
        None => text += ANY,
    }
    let (gate, gated) = match specialisation.gate {
        Gate::None => ("vec4<f32>(1.0)", "x"),
        Gate::Every => ("source[layer.gate_offset + input_group]", "x * gate"),
        Gate::AsLayer => (
            "select(vec4<f32>(1.0), source[layer.gate_offset + input_group], (layer.flags & GATED_INPUT) != 0u)",
            "x * gate",
        ),
    };
    text += &format!(
        "
// The factors of an input group; read once a step.
fn gate_of(input_group: u32) -> vec4<f32> {{ return {gate}; }}
fn gated(x: vec4<f32>, gate: vec4<f32>) -> vec4<f32> {{ return {gated}; }}
// Batch norm, residual and activation.
fn epilogue(sum: vec4<f32>, scale: vec4<f32>, shift: vec4<f32>, index: u32) {{
    var value = sum * scale + shift;
    {residual}
    destination[index] = {result};
}}
"
    );
    text
}
