//! Bundles of a space that nobody trained: what a device can be profiled with before a training is paid for.

use crate::calibrate::calibrate_tensors;
use crate::model::Parameters;
use crate::train::{generator, purpose};
use nestling_bundle::{BundleContents, BundleError, Manifest, Trained};
use nestling_core::image::Preprocessing;
use nestling_core::metrics::Top1;
use nestling_core::space::{CalibratedChild, Child, ChildEntry, Network, Role, SearchSpace, SpaceError};
use nestling_core::weights::{OutOfRange, WeightStorage};
use rand::RngExt;
use std::path::Path;
use tch::{Device, Tensor};

/// Made-up images that calibrate a child.
const IMAGES: i64 = 8;
/// Pixels of their coarse pattern.
const COARSE: i64 = 12;

/// Why no bundle was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UntrainedError {
    /// The space or a child is impossible.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The storage cannot hold a weight.
    #[error(transparent)]
    WeightRange(#[from] OutOfRange),
    /// The disk does not take the file.
    #[error(transparent)]
    Pack(#[from] BundleError),
}

/// Random weights in which no path is silent: initial values, but with every gamma between 0.5 and 1.5, and every beta
/// and bias between -0.2 and 0.2.
pub fn random_weights(space: &SearchSpace, seed: u64) -> Vec<f32> {
    let mut values = Parameters::initial_values(space, seed);
    let mut random = generator(seed, purpose::UNTRAINED, 0);
    for parameter in space.layout().parameters {
        let (low, high) = match parameter.role {
            Role::Weight => continue,
            Role::Gamma => (0.5, 1.5),
            Role::Beta | Role::Bias => (-0.2, 0.2),
        };
        values[parameter.range()].fill_with(|| random.random_range(low..high));
    }
    values
}

/// Calibrates a child over smooth random images, already normalised; the same seed gives the same images.
///
/// # Errors
/// [`SpaceError::Statistics`] if a mean or variance is not finite.
pub fn calibrate_on_noise(
    network: &Network,
    parameters: &Parameters,
    seed: u64,
) -> Result<CalibratedChild, SpaceError> {
    calibrate_tensors(network, parameters, vec![noise_images(network, seed, IMAGES)])
}

/// Smooth random images of a network's size, normalised: `[count, channels, height, width]`.
pub fn noise_images(network: &Network, seed: u64, count: i64) -> Tensor {
    let mut random = generator(seed, purpose::UNTRAINED, 1);
    let mut draw = |side: i64| {
        let length = count * i64::from(network.input.channels) * side * side;
        let values: Vec<f32> = (0..length).map(|_| random.random_range(-1.0..1.0)).collect();
        Tensor::from_slice(&values).view([count, i64::from(network.input.channels), side, side])
    };
    let side = i64::from(network.input.width);
    let (coarse, fine) = (draw(COARSE), draw(side));
    coarse.upsample_bilinear2d([side, side], false, None, None) * 1.5 + fine * 0.5
}

/// Names what ships: children that no weights were trained for, each with statistics from [`calibrate_on_noise`].
///
/// # Errors
/// [`SpaceError`] if the space does not offer a child, or the weights are broken.
pub fn untrained_children(
    space: &SearchSpace,
    weights: &[f32],
    children: &[(String, Child)],
    seed: u64,
    mut progress: impl FnMut(),
) -> Result<Vec<(ChildEntry, CalibratedChild)>, SpaceError> {
    let parameters = Parameters::from_values(space, weights, Device::Cpu);
    let unknown = Top1 { correct: 0, images: 0 };
    (children.iter())
        .map(|(name, child)| {
            let network = space.lower(child)?;
            let calibrated = calibrate_on_noise(&network, &parameters, seed)?;
            let (name, child, cost) = (name.clone(), child.clone(), network.cost());
            progress();
            Ok((ChildEntry { name, child, cost, held_out: unknown, test: unknown }, calibrated))
        })
        .collect()
}

/// What a bundle of random weights holds beside its space and children.
#[derive(Clone, Debug)]
pub struct Untrained {
    /// One name a class.
    pub labels: Vec<String>,
    /// How pixels become input.
    pub preprocessing: Preprocessing,
    /// Seed of the weights and of the images that calibrate.
    pub seed: u64,
    /// How the file stores the weights.
    pub weight_storage: WeightStorage,
}

/// Writes a bundle of random weights, whole or not at all; every child in it is marked untrained.
///
/// # Errors
/// [`UntrainedError`] if the space does not offer a child, the storage cannot hold a weight, or the disk does not take the file.
pub fn write_untrained(
    space: &SearchSpace,
    children: &[(String, Child)],
    untrained: Untrained,
    path: &Path,
    progress: impl FnMut(),
) -> Result<Manifest, UntrainedError> {
    let Untrained { labels, preprocessing, seed, weight_storage } = untrained;
    let weights = random_weights(space, seed);
    // The statistics are those of the weights that ship.
    let weights = weight_storage.round(&space.layout(), &weights)?;
    let mut shipped = untrained_children(space, &weights, children, seed, progress)?;
    shipped.sort_by_key(|(entry, _)| entry.cost.madds);
    let (entries, calibrated): (Vec<_>, Vec<_>) = shipped.into_iter().unzip();
    let manifest = Manifest {
        name: space.name.clone(),
        provenance: format!("nestling {}; random weights, seed {seed}, untrained", env!("CARGO_PKG_VERSION")),
        space: space.clone(),
        preprocessing,
        labels,
        children: entries,
        latency_tables: Vec::new(),
        trained: Trained::Only(Vec::new()),
        weight_storage,
        accuracy_predictor: None,
        images: None,
    };
    BundleContents { manifest: &manifest, weights: &weights, children: &calibrated, images: &[] }.write(path)?;
    Ok(manifest)
}
