//! Exact batch-norm calibration (BigNAS, batch norm calibration).
//!
//! Each layer's mean and variance are taken over all calibration images. Every layer before it is already normalised by
//! its final statistics. The result equals that of one batch of all images, and does not depend on the batch size.
//!
//! The usual average over batches depends on the batch size twice. It loses the variance between the batches' means,
//! and it feeds each layer from layers whose statistics are not the ones that ship.

use crate::data::{DataError, Dataset};
use crate::model::{Parameters, Resizer, layer_output, values_of};
use nestling_core::space::{CalibratedChild, Layer, Network, SpaceError, Statistics};
use tch::{Kind, Tensor, no_grad};

/// The reason why a child cannot be calibrated or evaluated.
#[derive(Debug, thiserror::Error)]
pub enum CalibrateError {
    /// The child is not in the space, or the weights are broken.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// An image cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
}

impl CalibrateError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Space(error) => error.code(),
            Self::Data(error) => error.code(),
        }
    }
}

/// Calibrates a child over all of `images`, `batch` at a time.
///
/// Holds the activations of all images that a later layer still reads.
///
/// # Errors
/// [`SpaceError::Statistics`] if the weights are so broken that a mean or variance is not finite; [`DataError`] if an
/// image cannot be read.
pub fn calibrate(
    network: &Network,
    parameters: &Parameters,
    resizer: &Resizer,
    images: &Dataset,
    batch: usize,
) -> Result<CalibratedChild, CalibrateError> {
    no_grad(|| {
        let parts = resizer.inputs(images, network.child.resolution, batch).collect::<Result<_, _>>()?;
        Ok(calibrate_tensors(network, parameters, parts)?)
    })
}

/// Calibrates a child over images that are resized and normalised already, in parts of any size.
///
/// # Errors
/// [`SpaceError::Statistics`] as in [`calibrate`].
pub fn calibrate_tensors(
    network: &Network,
    parameters: &Parameters,
    images: Vec<Tensor>,
) -> Result<CalibratedChild, SpaceError> {
    no_grad(|| {
        let mut statistics = Statistics { means: Vec::new(), variances: Vec::new() };
        let last_readers = network.last_readers();
        let last_normalised = network.layers.iter().rposition(Layer::is_normalised);
        // The output of every layer, one tensor a part; empty when no later layer reads it.
        let mut outputs: Vec<Vec<Tensor>> = Vec::with_capacity(network.layers.len());
        for (index, layer) in network.layers.iter().enumerate().take(last_normalised.map_or(0, |last| last + 1)) {
            let inputs = layer.input.map_or(&images, |from| &outputs[from]);
            let mut values: Vec<Tensor> = (inputs.iter().enumerate())
                .map(|(part, input)| {
                    layer_output(layer, parameters, input, layer.gate.map(|from| &outputs[from][part]))
                })
                .collect();
            if let Some(epsilon) = layer.norm_epsilon {
                let (means, variances) = moments(&values);
                normalise(layer, parameters, [&means, &variances], f64::from(epsilon), &mut values);
                statistics.means.extend(values_of(&means));
                statistics.variances.extend(values_of(&variances));
            }
            for (part, value) in values.iter_mut().enumerate() {
                if let Some(from) = layer.residual {
                    *value += &outputs[from][part];
                }
                *value = crate::model::activate(value.shallow_clone(), layer.shape.activation);
            }
            outputs.push(values);
            for (from, output) in outputs.iter_mut().enumerate() {
                if last_readers[from] <= index && from != index {
                    output.clear();
                }
            }
        }
        CalibratedChild::new(network, statistics)
    })
}

/// Batch norm of all parts by given statistics.
fn normalise(layer: &Layer, parameters: &Parameters, statistics: [&Tensor; 2], epsilon: f64, parts: &mut [Tensor]) {
    let (gamma, beta) = parameters.scale_and_shift(layer);
    let [means, variances] = statistics.map(Some);
    for part in parts {
        *part = part.batch_norm(Some(&gamma), beta.as_ref(), means, variances, false, 0.0, epsilon, false);
    }
}

/// Mean and biased variance of each channel over all parts, accumulated in f64, the variance around the final mean.
fn moments(parts: &[Tensor]) -> (Tensor, Tensor) {
    let count: i64 = parts.iter().map(|part| part.size()[0] * part.size()[2] * part.size()[3]).sum();
    let over = [0i64, 2, 3];
    let total = |term: &dyn Fn(&Tensor) -> Tensor| {
        let sum: Tensor =
            parts.iter().map(|part| term(part).sum_dim_intlist(over.as_slice(), true, Kind::Double)).sum();
        sum / count as f64
    };
    let mean = total(&Tensor::shallow_clone);
    let variance = total(&|part| (part.to_kind(Kind::Double) - &mean).square());
    let flat = |tensor: Tensor| tensor.reshape([-1]).to_kind(Kind::Float);
    (flat(mean), flat(variance))
}
