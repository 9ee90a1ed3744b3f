//! The choice of a child for a budget: predicted, then measured, then moved up or down until the budget holds.

mod adoption;
mod budget;
mod candidate;
mod choice;
mod search;
mod spread;
mod walk;

pub use adoption::{Challenge, compare};
pub use budget::Budget;
pub use candidate::{Candidate, rank};
pub use choice::Choice;
pub use search::{FoundChild, SearchBudget, search_under_limit};
pub use spread::spread_limits;
pub use walk::{Outcome, PassedOver, walk};
