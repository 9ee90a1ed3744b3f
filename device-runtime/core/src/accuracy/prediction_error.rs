use crate::accuracy::PredictorError;
use crate::statistics::spearman;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The size of a predictor's training set, and its error on children that it had not seen. Points are percentage points
/// of top-1 accuracy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionError {
    /// Children that it was fitted to.
    pub fitted_children: u32,
    /// Children that it was measured on.
    pub held_out_children: u32,
    /// Mean absolute error on those in points.
    pub mean_absolute_error: f64,
    /// Root of the mean squared error on those in points.
    pub root_mean_square_error: f64,
    /// Spearman's rank correlation between predicted and measured, from -1 to 1; 0 where either is the same for all.
    pub spearman: f64,
}

impl PredictionError {
    /// Compares pairs of predicted and measured accuracy in percent.
    pub(super) fn measure(fitted_children: usize, pairs: &[(f64, f64)]) -> Self {
        let mean = |of: fn(f64) -> f64| {
            pairs.iter().map(|(predicted, measured)| of(predicted - measured)).sum::<f64>() / pairs.len().max(1) as f64
        };
        let (predicted, measured): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let count = |children: usize| u32::try_from(children).unwrap_or(u32::MAX);
        Self {
            fitted_children: count(fitted_children),
            held_out_children: count(pairs.len()),
            mean_absolute_error: mean(f64::abs),
            root_mean_square_error: mean(|error| error * error).sqrt(),
            spearman: spearman(&predicted, &measured),
        }
    }

    pub(super) fn check(&self) -> Result<(), PredictorError> {
        let error = 0.0..=100.0;
        let sound = self.fitted_children > 0
            && self.held_out_children > 0
            && error.contains(&self.mean_absolute_error)
            && error.contains(&self.root_mean_square_error)
            && (-1.0..=1.0).contains(&self.spearman);
        if sound { Ok(()) } else { Err(PredictorError::Unsound { problem: format!("impossible facts: {self}") }) }
    }
}

impl fmt::Display for PredictionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "fitted to {} children; on {} others off by {:.2} points on average (root mean square {:.2}), Spearman {:.3}",
            self.fitted_children,
            self.held_out_children,
            self.mean_absolute_error,
            self.root_mean_square_error,
            self.spearman
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_and_ranks_are_those_of_the_textbook() {
        // Ranks 0 1 2.5 2.5 against 1 0 2 3; by hand: covariance 3.5, variances 4.5 and 5.
        let pairs = [(10.0, 30.0), (20.0, 20.0), (50.0, 40.0), (50.0, 60.0)];
        let facts = PredictionError::measure(7, &pairs);
        assert_eq!((facts.fitted_children, facts.held_out_children), (7, 4));
        assert!((facts.mean_absolute_error - 10.0).abs() < 1e-12);
        assert!((facts.root_mean_square_error - 150f64.sqrt()).abs() < 1e-12);
        assert!((facts.spearman - 3.5 / 22.5f64.sqrt()).abs() < 1e-12, "{}", facts.spearman);
        assert_eq!(PredictionError::measure(7, &[(1.0, 2.0), (1.0, 3.0)]).spearman, 0.0);
        assert_eq!(PredictionError::measure(7, &[(1.0, 2.0), (1.5, 3.0)]).spearman, 1.0);
        assert!(facts.check().is_ok() && PredictionError::default().check().is_err());
    }
}
