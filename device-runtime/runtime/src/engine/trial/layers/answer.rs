use super::LayerCase;
use crate::engine::plan::{LayerPlan, activation_bytes, pairs, shape_parameters};
use crate::engine::resources::PackedWeights;
use crate::engine::trial::layers::bench::packed_activation;
use crate::gpu::Fault;
use nestling_core::arithmetic::Arithmetic;
use nestling_core::reference::{SharedWeights, convolve, epilogue};
use nestling_core::space::{Operator, ParameterLayout, Shape};
use nestling_core::weights::WeightStorage;
use nestling_shaders::LayerParameters;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};
use std::ops::Range;

/// Random data of a case, and the reference's answer.
pub(in crate::engine) struct Drawn {
    pub(super) weights: Vec<f32>,
    input: Vec<f32>,
    gate: Vec<f32>,
    residual: Vec<f32>,
    /// A scale and a shift for every output channel.
    folded: Vec<(f64, f64)>,
    answers: Vec<f64>,
    /// How far each output may be off, over its own size or one.
    tolerance: f64,
    /// And so much more in 16 bits.
    in_halves: Vec<f64>,
}

impl Drawn {
    pub(in crate::engine) fn of(case: &LayerCase) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(case.seed);
        let shape = case.layer.shape;
        let mut tensor =
            |len: usize, range: f32| -> Vec<f32> { (0..len).map(|_| range * random.random_range(-1.0..1.0)).collect() };
        let weights = tensor(case.layout.len(), 1.0);
        let input = tensor(shape.input.len(), case.input_range);
        let gate = tensor(shape.input.channels as usize, 1.0);
        let residual = tensor(shape.output.len(), 1.0);
        let means = tensor(shape.output.channels as usize, 1.0);
        let variances: Vec<f32> = means.iter().map(|_| random.random_range(0.25..4.0)).collect();
        let as_stored = dequantised(&case.layout, &weights, case.storage);
        let shared = SharedWeights { layout: &case.layout, values: &as_stored };
        let folded = shared.fold(&case.layer, &means, &variances);
        let gate_of = |index: usize| f64::from(gate[index / shape.input.pixels() as usize]);
        let factor = |index: usize| if shape.gated { gate_of(index) } else { 1.0 };
        let gated: Vec<f64> = input.iter().enumerate().map(|(at, &value)| f64::from(value) * factor(at)).collect();
        let mut answers = convolve(&case.layer, &shared, &gated);
        let added: Vec<f64> = residual.iter().map(|&value| f64::from(value)).collect();
        epilogue(&case.layer, &folded, &mut answers, shape.residual.then_some(added.as_slice()));
        let tolerance = tolerance(case, &folded);
        let in_halves = halves_tolerance(case, &as_stored, &gated, &folded);
        Self { weights, input, gate, residual, folded, answers, tolerance, in_halves }
    }

    /// The input and its gate as kernels read them, with poison around.
    pub(super) fn source(&self, case: &LayerCase) -> Vec<[f32; 4]> {
        let shape = case.layer.shape;
        let mut source = vec![[f32::NAN; 4]; case.offsets.0 as usize];
        source.extend(packed_activation(&self.input, shape.input));
        // Something between, for a gate is not just behind its own layer's input.
        source.extend([[f32::NAN; 4]; 5]);
        source.extend(packed_activation(&self.gate, Shape { height: 1, width: 1, ..shape.input }));
        source
    }

    /// Scales and shifts as kernels read them; a scale carries that of the stored weights.
    pub(super) fn norms(&self, case: &LayerCase, packed: &PackedWeights) -> Vec<[f32; 4]> {
        let scales = packed.host.scales.first();
        pairs(&case.layer, |channel| {
            let own = scales.and_then(|scales| scales.get(channel)).map_or(1.0, |&one| f64::from(one));
            let (scale, shift) = self.folded[channel];
            (scale * own, shift)
        })
    }

    /// The residual or poison, with poison around; and where in it the output belongs.
    pub(super) fn destination(&self, case: &LayerCase) -> (Vec<[f32; 4]>, Range<usize>) {
        let shape = case.layer.shape;
        let written = activation_bytes(shape.output.channels, shape.output.pixels()) as usize / 16;
        let before = case.offsets.1 as usize;
        let mut destination = vec![[f32::NAN; 4]; before + written + 64];
        if shape.residual {
            destination[before..before + written].copy_from_slice(&packed_activation(&self.residual, shape.output));
        }
        (destination, before..before + written)
    }

    /// The largest error over what is allowed, and the first output that is wrong, left out, or beside the others.
    pub(super) fn compare(&self, plan: &LayerPlan, given: &Outputs) -> (f64, Option<Fault>) {
        let halves = plan.specialisation.arithmetic == Arithmetic::F16;
        let more = |index: usize| if halves { self.in_halves.get(index).copied().unwrap_or_default() } else { 0.0 };
        let wanted = self.answers.iter().enumerate().map(|(index, &wanted)| {
            let allowed = (self.tolerance + more(index)) * wanted.abs().max(1.0);
            (wanted, allowed)
        });
        let (worst, fault) = compared(given.values.iter().copied().zip(wanted));
        match given.stray() {
            // However little the outputs are off: the write was into something else.
            Some(stray) => (f64::INFINITY, Some(stray)),
            None => (worst, fault),
        }
    }
}

/// The largest error over what is allowed, and the first value that is wrong; each is given with the wanted one and the
/// error that is allowed.
pub(in crate::engine) fn compared(values: impl Iterator<Item = (f32, (f64, f64))>) -> (f64, Option<Fault>) {
    let (mut worst, mut fault) = (0.0_f64, None);
    for (index, (found, (wanted, allowed))) in values.enumerate() {
        let error = (f64::from(found) - wanted).abs() / allowed;
        if error.is_nan() || error > 1.0 {
            let expected = format!("{wanted:e} within {allowed:.1e}");
            fault.get_or_insert(Fault { found: format!("{found:e} in output {index}"), expected });
        }
        // `f64::max` would drop NaN.
        worst = if error.is_nan() { f64::INFINITY } else { worst.max(error) };
    }
    (worst, fault)
}

/// A layer's output on the GPU, and what lies before and behind it.
pub(in crate::engine) struct Outputs {
    pub(super) values: Vec<f32>,
    pub(super) beside: Vec<[f32; 4]>,
}

impl Outputs {
    /// A value that was written before or behind the output.
    fn stray(&self) -> Option<Fault> {
        let value = self.beside.iter().flatten().find(|value| !value.is_nan())?;
        let expected = "nothing written there".to_owned();
        Some(Fault { found: format!("{value:e} beside the output"), expected })
    }

    /// The first output that has other bits another time, or was written beside the others then.
    pub(super) fn difference(&self, again: &Self) -> Option<Fault> {
        let mut pairs = self.values.iter().zip(&again.values).enumerate();
        let other = pairs.find(|(_, (first, again))| first.to_bits() != again.to_bits());
        let Some((index, (first, again))) = other else { return again.stray() };
        let found = format!("{again:e} in output {index} another time");
        Some(Fault { found, expected: format!("{first:e}, bit for bit, as the first time") })
    }
}

pub(super) fn parameters(case: &LayerCase, packed: &PackedWeights, source_len: u32) -> LayerParameters {
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

/// How far each output may be off in 32 bits.
fn tolerance(case: &LayerCase, folded: &[(f64, f64)]) -> f64 {
    let shape = case.layer.shape;
    let sum_length = match shape.operator {
        Operator::Pool => shape.input.pixels(),
        Operator::Depthwise | Operator::AveragePool => shape.kernel * shape.kernel,
        Operator::Dense | Operator::Pointwise | Operator::Linear => shape.input.channels * shape.kernel * shape.kernel,
    };
    let largest_scale = folded.iter().fold(1.0, |most: f64, pair| most.max(pair.0.abs()));
    (2e-6 * f64::from(sum_length).sqrt() * largest_scale + 2e-6) * f64::from(case.input_range)
}

/// How far each output may be off if products are computed in 16 bits.
///
/// Rounding takes at most a 1,024th (a 2,048th, to the nearest) of each weight, value and product, and of three sums
/// in a pointwise kernel; denormal numbers may become zero, which takes 2^-14 of each of them. The activation
/// multiplies that by its largest slope at most.
fn halves_tolerance(case: &LayerCase, weights: &[f32], input: &[f64], folded: &[(f64, f64)]) -> Vec<f64> {
    if case.arithmetic == Arithmetic::F32 || case.layer.convolution.is_none() {
        return Vec::new();
    }
    let weights: Vec<f32> = weights.iter().map(|value| value.abs()).collect();
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

/// The parameters with every weight as its storage holds it: what the reference must be given.
pub(in crate::engine) fn dequantised(layout: &ParameterLayout, parameters: &[f32], storage: WeightStorage) -> Vec<f32> {
    let mut values = parameters.to_vec();
    for convolution in &layout.convolutions {
        let range = layout.parameters[convolution.weight].range();
        let row = range.len() / convolution.outputs as usize;
        for row in values[range].chunks_exact_mut(row) {
            let most = row.iter().fold(0.0, |most: f32, weight| most.max(weight.abs()));
            for weight in row {
                *weight = match storage {
                    WeightStorage::F32 => *weight,
                    WeightStorage::F16 => half::f16::from_f32(*weight).to_f32(),
                    WeightStorage::Int8 => {
                        let scale = most / 127.0;
                        (*weight / scale).round_ties_even() * scale
                    }
                };
            }
        }
    }
    values
}
