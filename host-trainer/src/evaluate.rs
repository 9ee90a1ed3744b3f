//! Accuracy and logits of a calibrated child.

use crate::data::{DataError, Dataset};
use crate::model::{Norm, Parameters, Resizer, forward, norm_tensors};
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, Network};
use tch::{Kind, Tensor, no_grad};

/// Logits of all `images`, `[count][classes]`, `batch` images at a time.
///
/// # Errors
/// [`DataError`] if an image cannot be read.
pub fn logits(
    calibrated: &CalibratedChild,
    network: &Network,
    parameters: &Parameters,
    resizer: &Resizer,
    images: &Dataset,
    batch: usize,
) -> Result<Tensor, DataError> {
    no_grad(|| {
        let statistics = norm_tensors(network, calibrated.statistics(), parameters.flat());
        let parts: Vec<Tensor> = (resizer.inputs(images, network.child.resolution, batch))
            .map(|input| Ok(forward(network, parameters, &input?, Norm::Calibrated(&statistics), None)))
            .collect::<Result<_, DataError>>()?;
        Ok(Tensor::cat(&parts, 0))
    })
}

/// Counts the images whose most probable class is right.
///
/// # Errors
/// [`DataError`] if an image cannot be read.
pub fn evaluate(
    calibrated: &CalibratedChild,
    network: &Network,
    parameters: &Parameters,
    resizer: &Resizer,
    images: &Dataset,
    batch: usize,
) -> Result<Top1, DataError> {
    let logits = logits(calibrated, network, parameters, resizer, images, batch)?;
    let classes: Vec<i64> = images.labels.iter().map(|&label| i64::from(label)).collect();
    let right = logits.argmax(-1, false).eq_tensor(&Tensor::from_slice(&classes).to_device(logits.device()));
    Ok(Top1 { correct: right.sum(Kind::Int64).int64_value(&[]) as u32, images: images.len() as u32 })
}
