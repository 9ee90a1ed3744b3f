//! Evaluation tools: prediction error, audits of choices and switches, minutes of sustained use, traces, and reports as HTML
//! pages.

pub mod audit;
pub mod doctor;
pub mod documents;
pub mod evaluation;
mod progress;
pub mod report;
pub mod self_test;
pub mod sustained;
pub mod trace;

pub use progress::Progress;
