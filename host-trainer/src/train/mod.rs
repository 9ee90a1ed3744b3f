//! Training one supernet: the sandwich step, its schedule and optimiser, workers, checkpoints, and the loop over them.

mod checkpoint;
mod config;
mod optimiser;
mod sandwich;
mod schedule;
mod trainer;
mod workers;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use config::{ConfigError, TrainConfig};
pub use optimiser::Optimiser;
pub use sandwich::{Batch, ChildLoss, Rules, sandwich_step, step_children};
pub use schedule::learning_rate;
pub use trainer::{EpochReport, Probe, TrainError, TrainSummary, Trainer};
pub use workers::{StepOutcome, WorkerError, Workers};

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// A generator for one purpose at one place of the run, so that a resumed run and every worker draw the same numbers
/// without any generator state in the checkpoint.
pub(crate) fn generator(seed: u64, purpose: u64, index: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&purpose.to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}

/// Purposes of [`generator`].
pub(crate) mod purpose {
    pub const CHILDREN: u64 = 1;
    pub const ORDER: u64 = 2;
    pub const AUGMENT: u64 = 3;
    pub const DROPOUT: u64 = 4;
    pub const SEARCH: u64 = 5;
    pub const PARITY: u64 = 6;
    pub const UNTRAINED: u64 = 7;
}
