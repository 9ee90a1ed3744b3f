//! Measures children on this device.

mod choice_timer;
mod drift;
mod measure;
mod rounds;
mod slots;

pub use choice_timer::ChoiceTimer;
pub use drift::DriftMeter;
pub use measure::{ProfileOptions, Subject, measure};
