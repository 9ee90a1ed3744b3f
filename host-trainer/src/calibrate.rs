//! Exact batch-norm calibration (BigNAS, batch norm calibration).
//!
//! Peers average the statistics of batches, which depends on the batch size twice over: the variance between batch means
//! is lost, and every layer is fed by layers normalised with other statistics than the ones that ship. Here each layer's
//! moments are taken over all calibration images, with every layer before it already normalised by its final statistics:
//! the result does not depend on the batch size, and it is what one batch of all images would give.

use crate::data::Dataset;
use crate::model::{ImageSizes, Parameters, layer_output, values_of};
use nestling::space::{CalibratedChild, Network, SpaceError, Statistics};
use tch::{Kind, Tensor, no_grad};

/// Calibrates a child over all of `images`, `batch` at a time.
///
/// Holds one activation of all images in memory, and the block's input beside it.
///
/// # Errors
/// [`SpaceError::Statistics`] if the weights are so broken that a mean or variance is not finite.
pub fn calibrate(
    network: &Network,
    parameters: &Parameters,
    sizes: &ImageSizes,
    images: &Dataset,
    batch: usize,
) -> Result<CalibratedChild, SpaceError> {
    no_grad(|| {
        let mut statistics = Statistics { means: Vec::new(), variances: Vec::new() };
        let length = images.images.image_len();
        let mut values: Vec<Tensor> = (images.images.pixels.chunks(batch.max(1) * length))
            .map(|pixels| sizes.resize(&sizes.upload(pixels), network.child.resolution))
            .collect();
        // Outputs that a later layer adds, by layer index.
        let mut kept: Vec<Option<Vec<Tensor>>> = (0..network.layers.len()).map(|_| None).collect();
        for (index, layer) in network.layers.iter().enumerate().filter(|(_, layer)| layer.is_normalised()) {
            for value in &mut values {
                *value = layer_output(layer, parameters, value);
            }
            let (means, variances) = moments(&values);
            let (gamma, beta) = parameters.scale_and_shift(layer);
            let residual = layer.residual.and_then(|from| kept[from].take());
            for (part, value) in values.iter_mut().enumerate() {
                let epsilon = f64::from(parameters.norm_epsilon());
                let mut x = value.batch_norm(
                    Some(&gamma),
                    beta.as_ref(),
                    Some(&means),
                    Some(&variances),
                    false,
                    0.0,
                    epsilon,
                    false,
                );
                if let Some(residual) = &residual {
                    x += &residual[part];
                }
                *value = crate::model::activate(x, layer.shape.activation);
            }
            if network.layers.iter().any(|later| later.residual == Some(index)) {
                kept[index] = Some(values.iter().map(Tensor::shallow_clone).collect());
            }
            statistics.means.extend(values_of(&means));
            statistics.variances.extend(values_of(&variances));
        }
        CalibratedChild::new(network, statistics)
    })
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
