//! A case on the GPU, against the f64 reference.

use crate::engine::Planner;
use crate::engine::plan::{LayerPlan, activation_bytes, shape_parameters};
use crate::engine::resources::{PackedWeights, pack_whole};
use crate::engine::tests::kernels::bench::{BENCHES, LARGEST, dispatched, packed_activation, unpacked_activation};
use crate::engine::tests::kernels::case::Case;
use crate::engine::tests::{CONTEXT, dequantised, random, random_tensor};
use crate::gpu::{Upload, block_on};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::reference::{SharedWeights, convolve, epilogue};
use nestling_core::space::{LayerShape, Operator, SearchSpace, Shape};
use nestling_shaders::{Kernel, LayerParameters};
use proptest::prelude::*;
use rand::RngExt;
use std::ops::Range;

/// The numbers that a case reads.
struct Data {
    weights: Vec<f32>,
    input: Vec<f32>,
    gate: Vec<f32>,
    residual: Vec<f32>,
    /// A scale and a shift for every output channel.
    folded: Vec<(f64, f64)>,
}

/// Runs the case on the GPU over a poisoned destination; returns the output, and what lies before and behind it.
fn run(case: &Case, plan: LayerPlan, data: &Data) -> (Vec<f32>, Vec<[f32; 4]>) {
    let shape = case.layer.shape;
    let mut bench = BENCHES[case.storage as usize].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if bench.pipelines.get(plan.kernel, plan.specialisation).is_none() {
        block_on(bench.pipelines.add(&CONTEXT, plan.kernel, plan.specialisation)).unwrap();
    }
    let (packed, weights) = pack_whole(&case.layout, data.weights.as_slice(), case.storage).unwrap();
    let source = source(case, data);
    let parameters = parameters(case, &packed, source.len() as u32);
    let norms = norms(&shape, packed.host.scales.first(), &data.folded);
    let (destination, own) = destination(case, data);
    let arena = &bench.arena;
    for (buffer, bytes) in [
        (&arena.filtered, bytemuck::cast_slice(&source)),
        (&arena.weights, &weights),
        (&arena.norms, bytemuck::cast_slice(&norms)),
        (&arena.block, bytemuck::cast_slice(&destination)),
        (&arena.parameters, bytemuck::bytes_of(&parameters)),
    ] {
        assert!(bytes.len() as u64 <= LARGEST, "{case:?}");
        CONTEXT.upload(Upload::Parameters, buffer, 0, bytes);
    }
    let values = dispatched(&bench, &plan, destination.len());
    let others = [&values[..own.start], &values[own.end..]].concat();
    let own = &values[own];
    for (lane, value) in own.iter().flat_map(|value| value.iter().enumerate()) {
        assert!(!value.is_nan(), "lane {lane} of a group was not written: {case:?}");
    }
    (unpacked_activation(own, shape.output), others)
}

/// The input and its gate as kernels read them, with poison around.
fn source(case: &Case, data: &Data) -> Vec<[f32; 4]> {
    let shape = case.layer.shape;
    let mut source = vec![[f32::NAN; 4]; case.offsets.0 as usize];
    source.extend(packed_activation(&data.input, shape.input));
    // Something between, for a gate is not just behind its own layer's input.
    source.extend([[f32::NAN; 4]; 5]);
    source.extend(packed_activation(&data.gate, Shape { height: 1, width: 1, ..shape.input }));
    source
}

fn parameters(case: &Case, packed: &PackedWeights, source_len: u32) -> LayerParameters {
    let shape = case.layer.shape;
    let full = case.layout.convolutions.first();
    let place = packed.convolutions.first();
    LayerParameters {
        weight_offset: place.map_or(0, |place| place.offset),
        weight_stride: place.map_or(0, |place| place.stride),
        weight_kernel: full.map_or(1, |full| full.kernel),
        padding: case.layer.padding,
        source_offset: case.offsets.0,
        destination_offset: case.offsets.1,
        gate_offset: source_len - shape.input.channels.div_ceil(4),
        ..shape_parameters(&shape)
    }
}

/// Scales and shifts as kernels read them; a scale carries that of the stored weights.
fn norms(shape: &LayerShape, scales: Option<&Vec<f32>>, folded: &[(f64, f64)]) -> Vec<[f32; 4]> {
    (0..shape.output.channels.div_ceil(4) as usize)
        .flat_map(|group| {
            let own = |channel: usize| scales.and_then(|scales| scales.get(channel)).map_or(1.0, |&one| f64::from(one));
            let pair = |lane: usize| {
                let channel = 4 * group + lane;
                folded.get(channel).map_or((0.0, 0.0), |&(scale, shift)| (scale * own(channel), shift))
            };
            [std::array::from_fn(|lane| pair(lane).0 as f32), std::array::from_fn(|lane| pair(lane).1 as f32)]
        })
        .collect()
}

/// The residual or poison, with poison around; and where in it the output belongs.
fn destination(case: &Case, data: &Data) -> (Vec<[f32; 4]>, Range<usize>) {
    let shape = case.layer.shape;
    let mut destination =
        vec![[f32::NAN; 4]; activation_bytes(shape.output.channels, shape.output.pixels()) as usize / 16];
    let written = destination.len();
    if shape.residual {
        destination.copy_from_slice(&packed_activation(&data.residual, shape.output));
    }
    destination.extend([[f32::NAN; 4]; 64]);
    let before = case.offsets.1 as usize;
    destination.splice(0..0, vec![[f32::NAN; 4]; before]);
    (destination, before..before + written)
}

/// How far each output may be off if products are computed in 16 bits.
///
/// Rounding takes at most a 1,024th (a 2,048th, to the nearest) of each weight, value and product, and of three sums
/// in a pointwise kernel; denormal numbers may become zero, which takes 2^-14 of each of them. The activation
/// multiplies that by its largest slope at most.
fn halves_tolerance(case: &Case, weights: &[f32], input: &[f64], folded: &[(f64, f64)]) -> Vec<f64> {
    if case.traits.arithmetic == Arithmetic::F32 || case.layer.convolution.is_none() {
        return Vec::new();
    }
    let size = |values: &[f32]| values.iter().map(|value| value.abs()).collect::<Vec<f32>>();
    let weights = size(weights);
    let shared = SharedWeights { layout: &case.layout, values: &weights };
    let input: Vec<f64> = input.iter().map(|value| value.abs()).collect();
    let magnitudes = convolve(&case.layer, &shared, &input);
    let shape = case.layer.shape;
    let (roundings, products) = match shape.operator {
        Operator::Depthwise => (3.0, shape.kernel * shape.kernel),
        Operator::Dense | Operator::Pointwise | Operator::Linear | Operator::Pool | Operator::AveragePool => {
            (6.0, shape.input.channels)
        }
    };
    (magnitudes.iter().enumerate())
        .map(|(index, magnitude)| {
            let (scale, _) = folded[index / shape.output.pixels() as usize];
            let flushed = f64::from(products) * 2f64.powi(-14);
            shape.activation.row().max_slope * scale.abs() * roundings * (magnitude / 1024.0 + flushed)
        })
        .collect()
}

/// The right answer of a case, and how far each output may be off.
struct Expected {
    values: Vec<f64>,
    tolerance: f64,
    /// And so much more in 16 bits.
    in_halves: Vec<f64>,
}

pub(super) fn check(case: &Case) -> Result<(), TestCaseError> {
    let (data, expected) = drawn(case);
    for plan in plans(case) {
        let (output, behind) = run(case, plan, &data);
        for (index, (&given, &wanted)) in output.iter().zip(&expected.values).enumerate() {
            let difference = (f64::from(given) - wanted).abs();
            let in_halves = plan.specialisation.arithmetic == Arithmetic::F16;
            let tolerance = expected.tolerance + if in_halves { expected.in_halves[index] } else { 0.0 };
            prop_assert!(
                difference <= tolerance * wanted.abs().max(1.0),
                "{:?}, output {index}: {given}, not {wanted} (tolerance {tolerance:e})",
                plan.kernel
            );
        }
        prop_assert!(behind.iter().flatten().all(|value| value.is_nan()), "{:?} wrote beside its output", plan.kernel);
    }
    Ok(())
}

/// The plan of the case's own kernel, and that of the fallback: what runs any convolution or matrix must run this one
/// too.
fn plans(case: &Case) -> impl Iterator<Item = LayerPlan> + use<> {
    let shape = case.layer.shape;
    let planner = Planner::new(&SearchSpace::fashion(), case.traits);
    let own = if case.kernel == Kernel::Pointwise {
        planner.plan_tile(case.variant, &shape).unwrap()
    } else {
        planner.plan_kernel(case.kernel, &shape).unwrap()
    };
    let fallback = planner.plan_fallback(&shape).unwrap();
    // The fallback of pointwise layers reads no offset: only matrices have one.
    let with_fallback =
        case.layer.convolution.is_some() && (fallback.kernel == Kernel::Fallback || case.offsets == (0, 0));
    [Some(own), with_fallback.then_some(fallback)].into_iter().flatten()
}

/// Random data of a case, and the reference's answer.
fn drawn(case: &Case) -> (Data, Expected) {
    let mut random = random(case.seed);
    let shape = case.layer.shape;
    let weights = random_tensor(case.layout.len(), &mut random);
    let scaled = |mut values: Vec<f32>| {
        values.iter_mut().for_each(|value| *value *= case.input_range);
        values
    };
    let input = scaled(random_tensor(shape.input.len(), &mut random));
    let gate = random_tensor(shape.input.channels as usize, &mut random);
    let residual = random_tensor(shape.output.len(), &mut random);
    let channels = shape.output.channels as usize;
    let means = random_tensor(channels, &mut random);
    let variances: Vec<f32> = (0..channels).map(|_| random.random_range(0.25..4.0)).collect();
    let as_stored = dequantised(&case.layout, &weights, case.storage);
    let shared = SharedWeights { layout: &case.layout, values: &as_stored };
    let wide = |values: &[f32]| values.iter().map(|&value| f64::from(value)).collect::<Vec<f64>>();

    let folded = shared.fold(&case.layer, &means, &variances);
    let mut gated_input = wide(&input);
    if shape.gated {
        for (index, value) in gated_input.iter_mut().enumerate() {
            *value *= f64::from(gate[index / shape.input.pixels() as usize]);
        }
    }
    let mut values = convolve(&case.layer, &shared, &gated_input);
    let residual_wide = wide(&residual);
    epilogue(&case.layer, &folded, &mut values, shape.residual.then_some(residual_wide.as_slice()));

    let tolerance = tolerance(case, &folded);
    let in_halves = halves_tolerance(case, &as_stored, &gated_input, &folded);
    (Data { weights, input, gate, residual, folded }, Expected { values, tolerance, in_halves })
}

/// How far each output may be off in 32 bits.
fn tolerance(case: &Case, folded: &[(f64, f64)]) -> f64 {
    let shape = case.layer.shape;
    let sum_length = match shape.operator {
        Operator::Pool => shape.input.pixels(),
        Operator::Depthwise | Operator::AveragePool => shape.kernel * shape.kernel,
        Operator::Dense | Operator::Pointwise | Operator::Linear => shape.input.channels * shape.kernel * shape.kernel,
    };
    let largest_scale = folded.iter().fold(1.0, |most: f64, pair| most.max(pair.0.abs()));
    (2e-6 * f64::from(sum_length).sqrt() * largest_scale + 2e-6) * f64::from(case.input_range)
}
