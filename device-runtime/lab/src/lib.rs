//! The laboratory: how well devices are predicted, how well choices keep budgets, what a switch moves, and pages of it.

pub mod audit;
pub mod documents;
pub mod evaluation;
mod progress;
pub mod report;
pub mod trace;

pub use progress::Progress;
