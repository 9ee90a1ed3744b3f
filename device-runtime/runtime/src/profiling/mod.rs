//! Measures children on this device.

mod check;
mod measure;
mod pace;

pub use check::Check;
pub use measure::{ProfileOptions, Progress, Subject, measure};
pub use pace::Pace;
