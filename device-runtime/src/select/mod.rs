//! Which child fits a budget: predicted, then measured, then moved up or down until the budget holds; and while an app
//! runs, governed so that it goes on to hold.

#[cfg(feature = "gpu")]
mod adoption;
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
mod within;

pub use budget::{Budget, Quantile};
pub use governor::{Decision, Governor, GovernorError, GovernorOptions, Ladder, Reason, Rung, ThermalHint, WINDOW};
pub use within::{Effort, Found, search_within};
#[cfg(feature = "gpu")]
pub(crate) use {
    adoption::{Challenge, compare},
    candidate::rank,
    choice::explain,
    spread::spread_limits,
    walk::{Outcome, walk},
};
#[cfg(feature = "gpu")]
pub use {
    candidate::Candidate,
    choice::{Choice, NoOtherChild},
};
