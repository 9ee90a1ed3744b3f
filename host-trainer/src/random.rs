//! Random numbers: a generator for each purpose at each place of a run.
//!
//! No generator state is stored. A resumed run and every worker draw the same numbers from the seed alone.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The use of a generator. The numbers are part of every seed: they never change.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    /// The random children of a step.
    Children = 1,
    /// The order of the images in an epoch.
    Order = 2,
    /// Augmentation of an image.
    Augment = 3,
    /// Dropout of the biggest child.
    Dropout = 4,
    /// Children that a search evaluates.
    Search = 5,
    /// Children that device and trainer are compared on.
    Parity = 6,
    /// Weights and images of an untrained supernet.
    Untrained = 7,
    /// Blocks of the biggest child that are left out.
    StochasticDepth = 8,
    /// Mixing of images.
    Mix = 9,
    /// The training images of a seed of an experiment.
    Subset = 10,
}

/// The generator for one purpose at one place of the run.
pub(crate) fn generator(seed: u64, purpose: Purpose, index: u64) -> ChaCha8Rng {
    let mut key = [0u8; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8..16].copy_from_slice(&(purpose as u64).to_le_bytes());
    key[16..24].copy_from_slice(&index.to_le_bytes());
    ChaCha8Rng::from_seed(key)
}
