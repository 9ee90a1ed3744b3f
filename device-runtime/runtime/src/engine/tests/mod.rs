//! On a real adapter (in continuous integration: lavapipe), against the f64 reference.

mod calibrate;
mod doctor;
mod downlevel;
mod frames;
mod halves;
mod kernels;
mod moments;
mod networks;
mod pipeline_cache;
mod random_spaces;
mod resize;
mod start;
mod storage;
mod texture;
mod trouble;
mod tune;
mod verdicts;

pub(super) use networks::mixed;

use super::trial::dequantised;
use super::*;
use crate::gpu::require::Feature;
use crate::gpu::{Context, ContextOptions, Vendor};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::reference::{SharedWeights, forward};
use nestling_core::space::{CalibratedChild, Child, SearchSpace, Statistics, ValidatedSpace};
use nestling_core::weights::WeightStorage;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::sync::LazyLock;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| Context::new(&ContextOptions::default()).unwrap());
/// No subgroups, timestamps or 16-bit floats: what the plainest adapter gets.
static PLAIN_CONTEXT: LazyLock<Context> = LazyLock::new(|| {
    let without = ContextOptions { use_subgroups: false, use_timestamps: false, ..ContextOptions::default() };
    Context::new(&ContextOptions { use_f16: false, ..without }).unwrap()
});

/// The traits of any kind of adapter: a test runs a real GPU's kernels on software.
fn traits(vendor: Vendor, subgroups: bool) -> Traits {
    Traits { software: vendor == Vendor::Software, tiles: vendor_tiles(vendor, subgroups), arithmetic: Arithmetic::F32 }
}

fn random(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Parameters that keep a deep network's activations near one.
fn random_weights(space: &ValidatedSpace, random: &mut ChaCha8Rng) -> Vec<f32> {
    use nestling_core::space::Role;
    let layout = space.layout();
    let mut values = Vec::with_capacity(layout.len());
    for parameter in &layout.parameters {
        let fan_in = parameter.shape.iter().skip(1).product::<u32>().max(1) as f32;
        for _ in 0..parameter.len() {
            values.push(match parameter.role {
                Role::Weight => random.random_range(-1.0..1.0) * (6.0 / fan_in).sqrt(),
                Role::Gamma => random.random_range(0.5..1.5),
                Role::Beta | Role::Bias => random.random_range(-0.5..0.5),
            });
        }
    }
    values
}

fn random_statistics(space: &ValidatedSpace, child: &Child, random: &mut ChaCha8Rng) -> CalibratedChild {
    let network = space.lower(child).unwrap();
    let count = network.normalised_channels();
    let means = (0..count).map(|_| random.random_range(-0.5..0.5)).collect();
    let variances = (0..count).map(|_| random.random_range(0.5..2.0)).collect();
    CalibratedChild::new(&network, Statistics { means, variances }).unwrap()
}

fn random_tensor(len: usize, random: &mut ChaCha8Rng) -> Vec<f32> {
    (0..len).map(|_| random.random_range(-1.0..1.0)).collect()
}

fn preprocessing(space: &ValidatedSpace) -> Preprocessing {
    let count = space.input_channels as usize;
    Preprocessing {
        means: vec![0.45; count],
        standard_deviations: vec![0.25; count],
        centre_fraction: 1.0,
        fit: Fit::Crop,
    }
}

fn load(context: &Context, space: &ValidatedSpace, weights: &[f32], options: &EngineOptions) -> Supernet {
    Supernet::load(context, space, weights, &preprocessing(space), options).unwrap()
}

fn reference_logits(space: &ValidatedSpace, weights: &[f32], child: &CalibratedChild, tensor: &[f32]) -> Vec<f64> {
    let layout = space.layout();
    let shared = SharedWeights { layout, values: weights };
    let image: Vec<f64> = tensor.iter().map(|&value| f64::from(value)).collect();
    forward(&space.lower(child.child()).unwrap(), &shared, child.statistics(), &image).pop().unwrap()
}

/// Largest difference over largest expected value.
fn relative_error(given: &[f32], expected: &[f64]) -> f64 {
    largest_difference(given, expected) / expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()))
}

/// The error of a normalised picture: over its largest value, or over one, which is a standard deviation of pixels. A
/// picture of the means' colour is near zero everywhere, and as exact as its pixels were before the means were subtracted.
fn input_error(given: &[f32], expected: &[f64]) -> f64 {
    largest_difference(given, expected) / expected.iter().fold(1.0, |most: f64, value| most.max(value.abs()))
}

fn largest_difference(given: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(given.len(), expected.len());
    let difference = given.iter().zip(expected).map(|(&a, &b)| (f64::from(a) - b).abs());
    difference.fold(0.0, |most: f64, one| if one.is_nan() { f64::INFINITY } else { most.max(one) })
}
