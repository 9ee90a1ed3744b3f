//! Whether a child that was only predicted is better than one that was measured: a pure decision.

use crate::metrics::Top1;

/// Prediction and check of a child that may replace another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Challenge {
    /// Points of top-1 by which it is predicted to be better.
    pub predicted_gain: f64,
    /// The typical error of such a prediction, in points.
    pub prediction_error: f64,
    /// Check images that only the challenger got right.
    pub only_challenger: u32,
    /// Check images that only the other got right.
    pub only_other: u32,
    /// Check images.
    pub images: u32,
}

/// The least expected gain of an adoption over its uncertainty. The share of right adoptions is unknown: the challenger
/// is the best of many by prediction, so its prediction is likely too high, and the uncertainty does not include that.
const SURE: f64 = 1.0;
/// How far the check may fall short of the prediction, over the uncertainty of both, before it refutes it.
const REFUTED: f64 = 3.0;

impl Challenge {
    /// Points of top-1 by which the challenger was better in the check, and their variance; `None` without images.
    ///
    /// The check compares both children on the same images, so that only images that tell them apart count.
    fn observed(&self) -> Option<(f64, f64)> {
        let (images, ours, theirs) =
            (f64::from(self.images), f64::from(self.only_challenger), f64::from(self.only_other));
        // One more image each way: without a difference there is still uncertainty.
        (self.images > 0).then(|| (100.0 * (ours - theirs) / images, 1e4 * (ours + theirs + 2.0) / images.powi(2)))
    }

    fn variance_of_prediction(&self) -> f64 {
        self.prediction_error.max(1e-3).powi(2)
    }

    /// The expected gain in points of top-1, and its uncertainty: the prediction and the check, each by its weight.
    pub fn expected_gain(&self) -> (f64, f64) {
        let prediction = self.variance_of_prediction();
        let Some((observed, check)) = self.observed() else { return (self.predicted_gain, prediction.sqrt()) };
        let weight = 1.0 / prediction + 1.0 / check;
        ((self.predicted_gain / prediction + observed / check) / weight, weight.recip().sqrt())
    }

    /// Whether the challenger takes the other's place.
    pub fn is_won(&self) -> bool {
        let (gain, uncertainty) = self.expected_gain();
        let refuted = self.observed().is_some_and(|(observed, check)| {
            self.predicted_gain - observed > REFUTED * (self.variance_of_prediction() + check).sqrt()
        });
        gain > SURE * uncertainty && !refuted
    }
}

/// Right answers of two children on the same images, by image.
pub fn compare(challenger: &[bool], other: &[bool]) -> (Top1, Top1, u32, u32) {
    let count =
        |wanted: fn(bool, bool) -> bool| challenger.iter().zip(other).filter(|&(&a, &b)| wanted(a, b)).count() as u32;
    let images = challenger.len() as u32;
    let right = |correct| Top1 { correct, images };
    (right(count(|a, _| a)), right(count(|_, b| b)), count(|a, b| a && !b), count(|a, b| b && !a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenge(predicted_gain: f64, only_challenger: u32, only_other: u32) -> Challenge {
        Challenge { predicted_gain, prediction_error: 0.2, only_challenger, only_other, images: 500 }
    }

    #[test]
    fn a_clear_gain_is_adopted_and_a_bad_check_stops_it() {
        assert!(challenge(0.5, 10, 8).is_won());
        assert!(!challenge(0.05, 10, 10).is_won());
        assert!(!challenge(-0.3, 10, 8).is_won());
        // Broken on the device, whatever was predicted.
        assert!(!challenge(0.5, 5, 200).is_won());
        // Without check images the prediction alone must be sure.
        let unchecked = |gain| Challenge { images: 0, ..challenge(gain, 0, 0) };
        assert!(unchecked(0.3).is_won() && !unchecked(0.1).is_won());
    }

    #[test]
    fn the_surer_of_the_two_weighs_more() {
        let (gain, uncertainty) = challenge(0.5, 10, 10).expected_gain();
        assert!((0.3..0.5).contains(&gain) && uncertainty < 0.2, "{gain} {uncertainty}");
    }

    #[test]
    fn images_are_counted_in_pairs() {
        let (ours, theirs, only_ours, only_theirs) = compare(&[true, true, false, false], &[true, false, true, false]);
        assert_eq!((ours.correct, theirs.correct, only_ours, only_theirs, ours.images), (2, 2, 1, 1, 4));
    }
}
