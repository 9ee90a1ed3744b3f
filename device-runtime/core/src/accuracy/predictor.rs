use crate::accuracy::features::features;
use crate::accuracy::{PredictionError, PredictorError};
use crate::metrics::Top1;
use crate::space::{Child, ValidatedSpace};
use crate::statistics::ridge::{Linear, Sums};
use serde::{Deserialize, Serialize};

/// Fewest children that a predictor is fitted to.
pub const MIN_CHILDREN: usize = 10;

/// Parts of the cross-validation that chooses the penalties.
const PARTS: usize = 5;
/// Penalties that are tried, weakest first: of a squared coefficient, against the mean squared error of the log odds.
const PENALTIES: [f64; 9] = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1];
/// How much more a coefficient of a square or a product costs.
const SECOND_ORDER: [f64; 5] = [1.0, 3.0, 10.0, 30.0, 100.0];
/// Largest coefficient that a file may hold: far beyond any that is fitted, and far from overflow.
const MAX_COEFFICIENT: f64 = 1e6;

/// Predicts the top-1 accuracy of any child of a search space from its choices.
///
/// The log odds of a right answer are a quadratic function of the choices: each is a position between -1 (the smallest
/// that the space offers) and 1 (the largest) on a logarithmic scale. Its coefficients come from ridge regression;
/// cross-validation inside the fitted children chooses how strong the penalty is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccuracyPredictor {
    constant: f64,
    coefficients: Vec<f64>,
    prediction_error: PredictionError,
}

/// A child's features and its log odds.
struct Observation {
    features: Vec<f64>,
    log_odds: f64,
}

impl AccuracyPredictor {
    /// Fits a predictor to measured children, and measures it on `held_out`, from which it learns nothing.
    ///
    /// # Errors
    /// [`PredictorError`] if fewer than [`MIN_CHILDREN`] children are given or none is held out, a child is not in the
    /// space, was evaluated on no image, has more hits than images, or is on both sides.
    pub fn fit(
        space: &ValidatedSpace,
        children: &[(Child, Top1)],
        held_out: &[(Child, Top1)],
    ) -> Result<Self, PredictorError> {
        if children.len() < MIN_CHILDREN {
            return Err(PredictorError::TooFew { given: children.len(), needed: MIN_CHILDREN });
        }
        if held_out.is_empty() {
            return Err(PredictorError::NoneHeldOut);
        }
        let known: std::collections::HashSet<&Child> = children.iter().map(|(child, _)| child).collect();
        if let Some((child, _)) = held_out.iter().find(|(child, _)| known.contains(child)) {
            return Err(PredictorError::OnBothSides { child: child.to_string() });
        }
        for (child, measured) in children.iter().chain(held_out) {
            space.check(child)?;
            if measured.images == 0 || measured.correct > measured.images {
                return Err(PredictorError::Measured { child: child.to_string(), measured: *measured });
            }
        }
        let observations: Vec<Observation> = (children.iter())
            .map(|(child, measured)| Observation {
                features: features(space, child).values,
                log_odds: log_odds(*measured),
            })
            .collect();
        let positions = features(space, &children[0].0).positions;
        let linear = fit(&observations, positions);
        let mut predictor = Self {
            constant: linear.constant,
            coefficients: linear.coefficients,
            prediction_error: PredictionError::default(),
        };
        let pairs: Vec<(f64, f64)> =
            (held_out.iter()).map(|(child, measured)| (predictor.predict(space, child), measured.percent())).collect();
        predictor.prediction_error = PredictionError::measure(children.len(), &pairs);
        Ok(predictor)
    }

    /// Predicted top-1 accuracy in percent, always between 0 and 100, on the images with which the fitted children were
    /// evaluated.
    ///
    /// `space` must be the space that the predictor was fitted for, and offer the child; what it does not offer counts
    /// as the nearest end of what it does.
    pub fn predict(&self, space: &ValidatedSpace, child: &Child) -> f64 {
        let linear = features(space, child).values.iter().zip(&self.coefficients).map(|(a, b)| a * b).sum::<f64>();
        100.0 / (1.0 + (-(self.constant + linear)).exp())
    }

    /// A predictor that a file holds. [`AccuracyPredictor::check`] says whether it fits a space.
    pub fn from_parts(constant: f64, coefficients: Vec<f64>, prediction_error: PredictionError) -> Self {
        Self { constant, coefficients, prediction_error }
    }

    /// The log odds of the middle of the space.
    pub fn constant(&self) -> f64 {
        self.constant
    }

    /// One coefficient for each feature of a child, in the order of the features.
    pub fn coefficients(&self) -> &[f64] {
        &self.coefficients
    }

    /// The size of its training set, and its error on other children.
    pub fn prediction_error(&self) -> &PredictionError {
        &self.prediction_error
    }

    /// Checks a predictor that was read from a file against the space that it is for.
    ///
    /// # Errors
    /// [`PredictorError::Unsound`] if its length is not what the space gives, or a number is impossible.
    pub fn check(&self, space: &ValidatedSpace) -> Result<(), PredictorError> {
        let unsound = |problem: String| Err(PredictorError::Unsound { problem });
        let needed = features(space, &space.smallest()).values.len();
        if self.coefficients.len() != needed {
            return unsound(format!("{} coefficients where the space has {needed} features", self.coefficients.len()));
        }
        let all = std::iter::once(&self.constant).chain(&self.coefficients);
        if let Some(bad) = all.into_iter().find(|one| one.is_nan() || one.abs() > MAX_COEFFICIENT) {
            return unsound(format!("{bad} as a coefficient"));
        }
        self.prediction_error.check()
    }
}

/// The logarithm of hits over misses, finite also where one of them is 0.
fn log_odds(measured: Top1) -> f64 {
    let (hits, images) = (f64::from(measured.correct), f64::from(measured.images));
    ((hits + 0.5) / (images - hits + 0.5)).ln()
}

/// Fits with the penalties that predict best what is left out.
fn fit(observations: &[Observation], positions: usize) -> Linear {
    let count = observations[0].features.len();
    let rows = |part: Option<usize>| {
        let part =
            observations.iter().enumerate().filter(move |(index, _)| part.is_none_or(|part| index % PARTS == part));
        part.map(|(_, one)| (&one.features[..], one.log_odds))
    };
    let all = Sums::of(count, rows(None));
    let without: Vec<Sums> = (0..PARTS).map(|part| all.without(&Sums::of(count, rows(Some(part))))).collect();
    let penalties = |first: f64, second: f64| -> Vec<f64> {
        (0..count).map(|index| if index < positions { first } else { first * second }).collect()
    };
    let mut best = (f64::INFINITY, Vec::new());
    for first in PENALTIES {
        for second in SECOND_ORDER {
            let penalties = penalties(first, second);
            let squares = without.iter().enumerate().flat_map(|(part, sums)| {
                let linear = sums.fit(&penalties);
                rows(Some(part)).map(move |(features, target)| (linear.value(features) - target).powi(2))
            });
            let error: f64 = squares.sum();
            if error < best.0 {
                best = (error, penalties);
            }
        }
    }
    all.fit(&best.1)
}
