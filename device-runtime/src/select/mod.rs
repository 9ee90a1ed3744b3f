//! Which child fits a budget: predicted, then measured, then moved up or down until the budget holds; and while an app
//! runs, governed so that it goes on to hold.

mod budget;
#[cfg(feature = "gpu")]
mod candidate;
#[cfg(feature = "gpu")]
mod choice;
mod governor;
#[cfg(feature = "gpu")]
mod spread;
#[cfg(feature = "gpu")]
mod walk;

pub use budget::{Budget, Quantile};
pub use governor::{Decision, Governor, GovernorError, GovernorOptions, Ladder, Reason, Rung, ThermalHint, WINDOW};
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
