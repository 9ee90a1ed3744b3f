//! The choice of a child for a budget: predicted, then timed beside its neighbours until the evidence is enough.

mod adoption;
mod budget;
mod candidate;
mod choice;
mod evidence;
mod race;
mod search;
#[cfg(test)]
mod simulation;
mod spread;

pub use adoption::{Challenge, compare};
pub use budget::Budget;
pub use candidate::{Candidate, rank};
pub use choice::Choice;
pub use evidence::Evidence;
pub use race::{Outcome, PassedOver, Race, Step};
pub use search::{FoundChild, SearchBudget, search_under_limit};
pub use spread::spread_limits;
