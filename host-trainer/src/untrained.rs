//! An untrained supernet: random weights, noise images, and children calibrated on them.
//!
//! A device can be profiled with it before a training is paid for.

use crate::calibrate::calibrate_tensors;
use crate::model::Parameters;
use crate::random::{Purpose, generator};
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, Child, ChildEntry, Network, Role, SpaceError, ValidatedSpace};
use rand::RngExt;
use tch::{Device, Tensor};

/// Made-up images that calibrate a child.
const IMAGES: i64 = 8;
/// Pixels of their coarse pattern.
const COARSE: i64 = 12;

/// Random weights in which no path is silent: initial values, but with every gamma between 0.5 and 1.5, and every beta
/// and bias between -0.2 and 0.2.
pub fn random_weights(space: &ValidatedSpace, seed: u64) -> Vec<f32> {
    let mut values = Parameters::initial_values(space, seed);
    let mut random = generator(seed, Purpose::Untrained, 0);
    for parameter in &space.layout().parameters {
        let (low, high) = match parameter.role {
            Role::Weight => continue,
            Role::Gamma => (0.5, 1.5),
            Role::Beta | Role::Bias => (-0.2, 0.2),
        };
        values[parameter.range()].fill_with(|| random.random_range(low..high));
    }
    values
}

/// Calibrates a child over smooth random images, already normalised; the same seed gives the same images.
///
/// # Errors
/// [`SpaceError::Statistics`] if a mean or variance is not finite.
pub fn calibrate_on_noise(
    network: &Network,
    parameters: &Parameters,
    seed: u64,
) -> Result<CalibratedChild, SpaceError> {
    calibrate_tensors(network, parameters, vec![noise_images(network, seed, IMAGES)])
}

/// Smooth random images of a network's size, normalised: `[count, channels, height, width]`.
pub fn noise_images(network: &Network, seed: u64, count: i64) -> Tensor {
    let mut random = generator(seed, Purpose::Untrained, 1);
    let mut draw = |side: i64| {
        let length = count * i64::from(network.input.channels) * side * side;
        let values: Vec<f32> = (0..length).map(|_| random.random_range(-1.0..1.0)).collect();
        Tensor::from_slice(&values).view([count, i64::from(network.input.channels), side, side])
    };
    let side = i64::from(network.input.width);
    let (coarse, fine) = (draw(COARSE), draw(side));
    coarse.upsample_bilinear2d([side, side], false, None, None) * 1.5 + fine * 0.5
}

/// Children to ship that no weights were trained for, each with statistics from [`calibrate_on_noise`].
///
/// # Errors
/// [`SpaceError`] if the space does not offer a child, or the weights are broken.
pub fn untrained_children(
    space: &ValidatedSpace,
    weights: &[f32],
    children: &[(String, Child)],
    seed: u64,
    mut progress: impl FnMut(),
) -> Result<Vec<(ChildEntry, CalibratedChild)>, SpaceError> {
    let parameters = Parameters::from_values(space, weights, Device::Cpu);
    let unknown = Top1 { correct: 0, images: 0 };
    (children.iter())
        .map(|(name, child)| {
            let network = space.lower(child)?;
            let calibrated = calibrate_on_noise(&network, &parameters, seed)?;
            let (name, child, cost) = (name.clone(), child.clone(), network.cost());
            progress();
            Ok((ChildEntry { name, child, cost, held_out: unknown, test: unknown }, calibrated))
        })
        .collect()
}
