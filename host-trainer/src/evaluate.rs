//! Accuracy, answers and logits of a calibrated child.

use crate::data::{DataError, Dataset};
use crate::model::{Norm, Parameters, Resizer, forward, images_at_once, norm_tensors};
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, Network};
use serde::{Deserialize, Serialize};
use tch::kind::Element;
use tch::{Kind, Tensor, no_grad};

/// Logits of all `images`, `[count][classes]`, at most `batch` images at a time.
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
        let batch = images_at_once(network, batch);
        let parts: Vec<Tensor> = (resizer.inputs(images, network.child.resolution, batch))
            .map(|input| Ok(forward(network, parameters, &input?, Norm::Calibrated(&statistics), None)))
            .collect::<Result<_, DataError>>()?;
        if parts.is_empty() {
            return Ok(Tensor::zeros([0, i64::from(images.classes)], (Kind::Float, parameters.flat().device())));
        }
        Ok(Tensor::cat(&parts, 0))
    })
}

/// The answer of a child for one image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The image's class.
    pub truth: u16,
    /// The most probable class.
    pub class: u16,
    /// The probability of `class`, from 0 to 1 (softmax of the logits).
    pub probability: f64,
    /// The probability of `truth`, from 0 to 1.
    pub truth_probability: f64,
}

impl Answer {
    /// Whether the class is right.
    pub fn is_right(&self) -> bool {
        self.class == self.truth
    }
}

/// The answers for all `images`, in their order.
///
/// # Errors
/// [`DataError`] if an image cannot be read.
pub fn answers(
    calibrated: &CalibratedChild,
    network: &Network,
    parameters: &Parameters,
    resizer: &Resizer,
    images: &Dataset,
    batch: usize,
) -> Result<Vec<Answer>, DataError> {
    let logits = logits(calibrated, network, parameters, resizer, images, batch)?;
    let truths: Vec<i64> = images.labels.iter().map(|&label| i64::from(label)).collect();
    let truths = Tensor::from_slice(&truths).to_device(logits.device());
    let found = logits.argmax(-1, false);
    let probabilities = logits.softmax(-1, Kind::Double);
    let of = |classes: &Tensor| -> Vec<f64> {
        let values = copied(&probabilities.gather(-1, &classes.unsqueeze(-1), false), 0.0);
        // Those of logits that are not finite.
        values.into_iter().map(|value: f64| if value.is_finite() { value } else { 0.0 }).collect()
    };
    let (given, right) = (of(&found), of(&truths));
    let all = images.labels.iter().zip(copied(&found, 0i64)).zip(given.into_iter().zip(right));
    let answer = |((&truth, class), (probability, truth_probability))| Answer {
        truth,
        class: class as u16,
        probability,
        truth_probability,
    };
    Ok(all.map(answer).collect())
}

/// All values of a tensor, wherever it lies.
fn copied<T: Element + Clone>(tensor: &Tensor, zero: T) -> Vec<T> {
    let mut values = vec![zero; tensor.numel()];
    tensor.copy_data(&mut values, tensor.numel());
    values
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
    let answers = answers(calibrated, network, parameters, resizer, images, batch)?;
    let correct = answers.iter().filter(|answer| answer.is_right()).count() as u32;
    Ok(Top1 { correct, images: answers.len() as u32 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::calibrate;
    use nestling_core::image::{Fit, Preprocessing};
    use nestling_core::metrics::most_probable;
    use nestling_core::space::SearchSpace;

    /// Beside the softmax of the logits, written out.
    #[test]
    fn answers_are_the_softmax_of_the_logits() {
        let space = SearchSpace::fashion().validated().unwrap();
        let network = space.lower(&space.smallest()).unwrap();
        let parameters = Parameters::from_values(&space, &Parameters::initial_values(&space, 3), tch::Device::Cpu);
        let pixels = (0..9 * 784u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let images = Dataset::in_memory(28, 1, pixels, (0..9).collect(), 10).unwrap();
        let preprocessing =
            Preprocessing { means: vec![0.3], standard_deviations: vec![0.4], centre_fraction: 1.0, fit: Fit::Crop };
        let resizer = Resizer::new(&space, &preprocessing, 28, tch::Device::Cpu);
        let child = calibrate(&network, &parameters, &resizer, &images, 4).unwrap();
        let logits = copied(&logits(&child, &network, &parameters, &resizer, &images, 4).unwrap(), 0f32);
        let answers = answers(&child, &network, &parameters, &resizer, &images, 4).unwrap();
        assert_eq!(answers.len(), 9);
        for (image, (answer, logits)) in answers.iter().zip(logits.chunks(10)).enumerate() {
            let sum: f64 = logits.iter().map(|&logit| f64::from(logit).exp()).sum();
            let probability = |class: u16| f64::from(logits[usize::from(class)]).exp() / sum;
            assert_eq!((usize::from(answer.truth), Some(usize::from(answer.class))), (image, most_probable(logits)));
            assert!((answer.probability - probability(answer.class)).abs() < 1e-12);
            assert!((answer.truth_probability - probability(answer.truth)).abs() < 1e-12);
        }
        let top1 = evaluate(&child, &network, &parameters, &resizer, &images, 4).unwrap();
        assert_eq!(top1.correct as usize, answers.iter().filter(|answer| answer.is_right()).count());
    }
}
