//! How a child classifies images: confusion matrix, precision and recall of each class, calibration error, the worst
//! mistakes.
//!
//! ```text
//! rate         shares with Wilson's 95 % intervals
//! confusion    which class was taken for which
//! reliability  probabilities against the share that was right
//! mistakes     wrong answers, the most confident first
//! report       all of it for some children: a document
//! ```
//!
//! The document holds whole numbers beside every share, so that all of it can be computed again.

mod confusion;
mod mistakes;
mod rate;
mod reliability;
mod report;
#[cfg(test)]
mod tests;

pub use confusion::{ClassRates, Confused, ConfusionMatrix};
pub use mistakes::{MAX_MISTAKES, Mistake};
pub use rate::Rate;
pub use reliability::{BINS, Calibration, ReliabilityBin};
pub use report::{ChildReport, ClassificationReport, ClassifiedImages, TestedChild};
