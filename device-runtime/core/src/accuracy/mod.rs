//! The accuracy of a child without running it: a small function of its choices, fitted on the host to children that
//! were evaluated. Pure arithmetic: no GPU, no file.
//!
//! A supernet has too many children to evaluate. A device that searches among them for a latency budget needs an
//! estimate of each one's accuracy within microseconds.

mod error;
mod features;
mod prediction_error;
mod predictor;

pub use error::PredictorError;
pub use prediction_error::PredictionError;
pub use predictor::{AccuracyPredictor, MIN_CHILDREN};

#[cfg(test)]
mod tests;
