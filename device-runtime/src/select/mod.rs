//! Which child fits a budget: predicted, then measured, then moved up or down until the budget holds.

mod budget;
#[cfg(feature = "gpu")]
mod candidate;
#[cfg(feature = "gpu")]
mod choice;
#[cfg(feature = "gpu")]
mod spread;
#[cfg(feature = "gpu")]
mod walk;

pub use budget::{Budget, Quantile};
#[cfg(feature = "gpu")]
pub use {
    candidate::Candidate,
    choice::{Choice, NoOtherChild},
};
#[cfg(feature = "gpu")]
pub(crate) use {
    candidate::rank,
    choice::explain,
    spread::spread_limits,
    walk::{Outcome, walk},
};
