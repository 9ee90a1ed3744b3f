//! The error of predicted times: its only definition.

/// By how much a predicted time is wrong, as a part of the measured one.
pub fn relative_error(predicted: f64, measured: f64) -> f64 {
    (predicted / measured - 1.0).abs()
}

/// The mean of relative errors in percent; 0 of none.
pub fn mean_percent(errors: &[f64]) -> f64 {
    100.0 * errors.iter().sum::<f64>() / errors.len().max(1) as f64
}
