//! Training one supernet: the sandwich step, its schedule and optimiser, workers, checkpoints, and the loop over them.
//!
//! ```text
//! config       every hyper-parameter
//! recipe       named sets of them
//! sandwich     one step, in the order of the paper
//! distillation the loss of the children that learn from the biggest
//! workers      threads that share a step
//! schedule     the learning rate
//! optimiser    the update of the weights
//! order        the images of an epoch
//! precision    f32 or bf16
//! gpu_use      memory and throughput on a GPU
//! probes       children whose accuracy is followed
//! resume       what may change when a run goes on
//! trainer      the loop over epochs
//! checkpoint   the file from which a run continues
//! ```

mod checkpoint;
mod config;
mod distillation;
mod error;
mod gpu_use;
mod optimiser;
mod order;
mod precision;
mod probes;
mod recipe;
mod resume;
mod sandwich;
mod schedule;
mod trainer;
mod workers;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use config::{Balance, TrainConfig};
pub use distillation::Distillation;
pub use error::TrainError;
pub use gpu_use::{GpuMeter, GpuUse};
pub use optimiser::{Optimiser, OptimiserState, UpdateRule};
pub use precision::Precision;
pub use probes::Probe;
pub use recipe::Recipe;
pub use resume::{Change, Difference, differences};
pub use sandwich::{Batch, StepOptions, head_step, sandwich_step, step_children};
pub use schedule::{RateSchedule, Schedule, learning_rate};
pub use trainer::{Beginning, EpochReport, TrainSummary, Trainer, TrainingData};
pub use workers::{Lesson, StepOutcome, Workers};
