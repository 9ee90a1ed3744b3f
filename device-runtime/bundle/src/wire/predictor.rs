use nestling_core::accuracy::{AccuracyPredictor, PredictionError};
use serde::{Deserialize, Serialize};

/// An accuracy predictor and its error on children that were held out.
#[derive(Serialize, Deserialize)]
pub(crate) struct Predictor {
    constant: f64,
    coefficients: Vec<f64>,
    fitted_children: u32,
    held_out_children: u32,
    mean_absolute_error: f64,
    root_mean_square_error: f64,
    spearman: f64,
}

impl From<&AccuracyPredictor> for Predictor {
    fn from(predictor: &AccuracyPredictor) -> Self {
        let PredictionError {
            fitted_children,
            held_out_children,
            mean_absolute_error,
            root_mean_square_error,
            spearman,
        } = *predictor.prediction_error();
        Self {
            constant: predictor.constant(),
            coefficients: predictor.coefficients().to_vec(),
            fitted_children,
            held_out_children,
            mean_absolute_error,
            root_mean_square_error,
            spearman,
        }
    }
}

impl From<Predictor> for AccuracyPredictor {
    fn from(predictor: Predictor) -> Self {
        let Predictor {
            constant,
            coefficients,
            fitted_children,
            held_out_children,
            mean_absolute_error,
            root_mean_square_error,
            spearman,
        } = predictor;
        let error = PredictionError {
            fitted_children,
            held_out_children,
            mean_absolute_error,
            root_mean_square_error,
            spearman,
        };
        Self::from_parts(constant, coefficients, error)
    }
}
