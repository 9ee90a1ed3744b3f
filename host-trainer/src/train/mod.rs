//! Training one supernet: the sandwich step, its schedule and optimiser, workers, checkpoints, and the loop over them.
//!
//! ```text
//! config       every hyper-parameter
//! recipe       named sets of them
//! sandwich     one step, in the order of the paper
//! distillation the loss of the children that learn from the biggest
//! teacher      a trained network that a child learns from
//! lesson       what a step trains
//! workers      threads that share a step
//! loader       views of images, made ahead of the step
//! readers      the files that its threads read, to name a slow one
//! schedule     the learning rate
//! optimiser    the update of the weights
//! order        the images of an epoch
//! precision    f32 or bf16
//! gpu_use      memory and throughput on a GPU
//! probes       children whose accuracy is followed
//! patience     when a run ends early
//! resume       what may change when a run goes on
//! beginning    where a run starts
//! step_report  the values of a step, for those who look on
//! trainer      the loop over epochs
//! estimate     the cost of a run before it begins
//! epoch_report a line of the log
//! checkpoint   the file from which a run continues
//! ```
//!
//! BigNAS's neighbours, each as its paper has it:
//!
//! ```text
//! method                  which of them trains, and what follows from that
//! universally_slimmable   one width factor, sandwich rule, calibration afterwards
//! slimmable               a few widths with batch norm of their own
//! auto_slim               independent widths, then greedy slimming to a budget
//! once_for_all            progressive shrinking, kernel transforms, a fixed teacher
//! channel_order           channels sorted by their importance, for once_for_all
//! widths                  one width factor for a whole network
//! method_progress         the state of a method within a run
//! specialised             one child with its own weights, as it ships
//! ```

pub mod auto_slim;
mod beginning;
mod channel_order;
mod checkpoint;
mod config;
mod distillation;
mod epoch_report;
mod error;
mod estimate;
mod gpu_use;
mod lesson;
mod loader;
mod method;
mod method_progress;
pub mod once_for_all;
mod optimiser;
mod order;
mod patience;
mod precision;
mod probes;
mod readers;
mod recipe;
mod resume;
mod sandwich;
mod schedule;
pub mod slimmable;
mod specialised;
mod step_report;
mod teacher;
mod trainer;
pub mod universally_slimmable;
pub mod widths;
mod workers;

pub use beginning::{Beginning, TrainingData};
pub use channel_order::sorted_by_importance;
pub use checkpoint::{CODE_VERSION, Checkpoint, CheckpointError};
pub use config::{Balance, Regularise, TrainConfig};
pub use distillation::Distillation;
pub use epoch_report::{EpochReport, TrainSummary};
pub use error::TrainError;
pub use estimate::{Estimate, Fits, Memory, RateSummary, StepCost, TARGET_IMAGES_PER_S};
pub use gpu_use::{GpuMeter, GpuUse};
pub use lesson::Lesson;
pub use loader::{Batches, LoadedBatch, Loader, LoaderRates, Views};
pub use method::Method;
pub use optimiser::{Optimiser, OptimiserState, UpdateRule};
pub use patience::{Best, mean_accuracy};
pub use precision::Precision;
pub use probes::{Probe, followed};
pub use recipe::Recipe;
pub use resume::{Change, Difference, differences};
pub use sandwich::{Batch, StepOptions, head_step, sandwich_step, step_children};
pub use schedule::{RateSchedule, Schedule, learning_rate};
pub use specialised::{SpecialiseError, Specialised, all_own_statistics, own_statistics, specialised};
pub use step_report::StepReport;
pub use teacher::Teacher;
pub use trainer::{Trainer, hash_of};
pub use workers::{StepOutcome, Workers};
