//! How accurate a child is without running it: a small function of its choices, fitted on the host to children that
//! were evaluated. Pure arithmetic: no GPU, no file.
//!
//! A supernet has more children than anyone can evaluate; a device that searches among them for a latency budget needs
//! to know of each how accurate it would be, in microseconds.

mod error;
mod features;
mod prediction_error;
mod predictor;

pub use error::PredictorError;
pub use prediction_error::PredictionError;
pub use predictor::{AccuracyPredictor, MIN_CHILDREN};

#[cfg(test)]
mod tests;
