//! Golden vectors: one input of a child, and what trainer and device answer, for checking another engine's conversion.

use crate::model::{Norm, Parameters, forward, norm_tensors, values_of};
use crate::untrained::noise_images;
use nestling::bundle::{Bundle, BundleError};
use nestling::engine::{EngineError, Supernet};
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
    Engine(#[from] EngineError),
}

/// An input and two answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// A smooth random image, normalised, `[channels][height][width]`.
    pub input: Vec<f32>,
    /// The trainer's logits.
    pub trainer: Vec<f32>,
    /// The device's logits.
    pub device: Vec<f32>,
}

/// Runs the child at `index` of a bundle on a made-up image, in the trainer and on the device.
///
/// # Errors
/// [`GoldenError`] if there is no such child, or the device refuses it.
pub fn golden(
    bundle: &Bundle,
    supernet: &Supernet,
    parameters: &Parameters,
    index: usize,
    seed: u64,
) -> Result<Golden, GoldenError> {
    let calibrated = bundle.calibrated(index)?;
    let network = &bundle.networks()[index];
    let image = noise_images(network, seed, 1);
    let trainer = no_grad(|| trainer_logits(bundle, parameters, index, &image))?;
    let input = values_of(&image);
    let device = supernet.infer_tensor(&supernet.prepare(&calibrated)?, &input)?;
    Ok(Golden { input, trainer, device })
}

fn trainer_logits(
    bundle: &Bundle,
    parameters: &Parameters,
    index: usize,
    image: &Tensor,
) -> Result<Vec<f32>, BundleError> {
    let network = &bundle.networks()[index];
    let norms = norm_tensors(network, bundle.calibrated(index)?.statistics(), parameters.flat());
    Ok(values_of(&forward(network, parameters, image, Norm::Calibrated(&norms), None)))
}
