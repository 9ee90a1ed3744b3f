use crate::evaluate::Answer;
use serde::{Deserialize, Serialize};

/// Bins of equal width that answers are sorted into by their probability.
pub const BINS: usize = 15;

/// How far the probabilities are from the share of right answers (Guo et al. 2017, "On Calibration of Modern Neural
/// Networks").
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Expected calibration error (ECE) in percent: the mean over all images of the distance between mean probability
    /// and share of right answers in the image's bin.
    pub expected_error_percent: f64,
    /// The bins, from improbable to certain.
    pub bins: Vec<ReliabilityBin>,
}

/// Answers of about the same probability.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// The bin holds probabilities above it; the first bin also holds it.
    pub low: f64,
    /// The bin holds probabilities up to it.
    pub high: f64,
    /// Answers in the bin.
    pub images: u32,
    /// Those that are right.
    pub correct: u32,
    /// The sum of their probabilities.
    pub probability_sum: f64,
}

impl ReliabilityBin {
    /// Mean probability in percent; nothing for an empty bin.
    pub fn mean_percent(&self) -> Option<f64> {
        (self.images > 0).then(|| 100.0 * self.probability_sum / f64::from(self.images))
    }

    /// Share of right answers in percent; nothing for an empty bin.
    pub fn correct_percent(&self) -> Option<f64> {
        (self.images > 0).then(|| 100.0 * f64::from(self.correct) / f64::from(self.images))
    }
}

impl Calibration {
    /// Sorts answers into [`BINS`] bins.
    pub fn new(answers: &[Answer]) -> Self {
        let edge = |bin: usize| bin as f64 / BINS as f64;
        let mut bins: Vec<ReliabilityBin> = (0..BINS)
            .map(|bin| ReliabilityBin {
                low: edge(bin),
                high: edge(bin + 1),
                images: 0,
                correct: 0,
                probability_sum: 0.0,
            })
            .collect();
        for answer in answers {
            // Compared with the edges themselves: a product may be rounded across one.
            let at = bins.iter().position(|bin| answer.probability <= bin.high).unwrap_or(BINS - 1);
            let bin = &mut bins[at];
            bin.images += 1;
            bin.correct += u32::from(answer.is_right());
            bin.probability_sum += answer.probability;
        }
        let gaps = bins.iter().map(|bin| (f64::from(bin.correct) - bin.probability_sum).abs());
        let expected_error_percent = 100.0 * gaps.sum::<f64>() / answers.len().max(1) as f64;
        Self { expected_error_percent, bins }
    }
}
