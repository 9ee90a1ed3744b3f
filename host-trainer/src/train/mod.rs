//! Training one supernet: the sandwich step, its schedule and optimiser, workers, checkpoints, and the loop over them.
//!
//! ```text
//! config       every hyper-parameter
//! sandwich     one step, in the order of the paper
//! workers      threads that share a step
//! schedule     the learning rate
//! optimiser    the update of the weights
//! resume       what may change when a run goes on
//! trainer      the loop over epochs
//! checkpoint   the file from which a run continues
//! ```

mod checkpoint;
mod config;
mod error;
mod optimiser;
mod resume;
mod sandwich;
mod schedule;
mod trainer;
mod workers;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use config::TrainConfig;
pub use error::TrainError;
pub use optimiser::Optimiser;
pub use resume::{Change, Difference, differences};
pub use sandwich::{Batch, StepOptions, sandwich_step, step_children};
pub use schedule::learning_rate;
pub use trainer::{EpochReport, Probe, TrainSummary, Trainer};
pub use workers::{StepOutcome, Workers};
