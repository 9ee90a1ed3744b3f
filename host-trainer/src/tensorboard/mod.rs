//! Curves of a run for TensorBoard: one file of events in the run's folder.
//!
//! ```text
//! proto   the messages of an event
//! record  the framing of a file: length, checksums, bytes
//! events  the file, which a resumed run cuts off at its step
//! curves  the values that a training writes, and when
//! ```

mod curves;
mod events;
mod proto;
mod record;
#[cfg(test)]
mod tests;

pub use curves::{Curves, STEPS_BETWEEN};
pub use events::EventFile;
