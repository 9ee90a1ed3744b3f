//! Golden vectors: one input of a child, and what trainer and device answer, for checking another engine's conversion.

use crate::model::{Norm, Parameters, forward, norm_tensors, values_of};
use crate::untrained::noise_images;
use nestling::Error;
use nestling::engine::Supernet;
use nestling_bundle::{Bundle, BundleError};
use nestling_core::image::{Image, preprocess};
use tch::{Tensor, no_grad};

/// Why there are no golden vectors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// The bundle has no such child.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The device refused.
    #[error(transparent)]
    Engine(#[from] Error),
}

/// An input and two answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// The normalised image, `[channels][height][width]`.
    pub input: Vec<f32>,
    /// The trainer's logits.
    pub trainer: Vec<f32>,
    /// The device's logits.
    pub device: Vec<f32>,
}

/// What golden vectors are made of.
#[derive(Clone, Copy, Debug)]
pub enum GoldenInput<'a> {
    /// A smooth random image; the seed says which.
    Noise(u64),
    /// A picture. The device resizes and normalises it itself; the trainer reads what the definition makes of it.
    Picture(&'a Image<'a>),
}

/// Runs the child at `index` of a bundle on one input, in the trainer and on the device.
///
/// # Errors
/// [`GoldenError`] if the device refuses the child.
///
/// # Panics
/// If `index` is no place in [`Bundle::children`].
pub fn golden(
    bundle: &Bundle,
    supernet: &Supernet,
    parameters: &Parameters,
    index: usize,
    from: GoldenInput<'_>,
) -> Result<Golden, GoldenError> {
    let calibrated = &bundle.calibrated()[index];
    let network = &bundle.networks()[index];
    let prepared = supernet.prepare(calibrated)?;
    let (input, device) = match from {
        GoldenInput::Noise(seed) => {
            let input = values_of(&noise_images(network, seed, 1));
            let device = supernet.infer_tensor(&prepared, &input)?;
            (input, device)
        }
        GoldenInput::Picture(image) => {
            let wide = preprocess(image, &bundle.manifest().preprocessing, network.child.resolution);
            (wide.iter().map(|&value| value as f32).collect(), supernet.infer(&prepared, image)?)
        }
    };
    let norms = norm_tensors(network, calibrated.statistics(), parameters.flat());
    let shape = [1, network.input.channels, network.input.height, network.input.width].map(i64::from);
    let image = Tensor::from_slice(&input).view(shape).to_device(parameters.flat().device());
    let trainer =
        no_grad(|| values_of(&forward(network, parameters, &image, Norm::Calibrated(&norms), None).flatten(0, -1)));
    Ok(Golden { input, trainer, device })
}
