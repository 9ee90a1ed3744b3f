use super::PackRunError;
use crate::untrained::{random_weights, untrained_children};
use nestling_bundle::{BundleContents, Manifest, Trained};
use nestling_core::image::Preprocessing;
use nestling_core::space::{Child, ValidatedSpace};
use nestling_core::weights::WeightStorage;
use std::path::Path;

/// Everything that a bundle of random weights holds beside its space and children.
#[derive(Clone, Debug)]
pub struct UntrainedOptions {
    /// One name for each class.
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
/// [`PackRunError`] if the space does not offer a child, the storage cannot hold a weight, or the disk does not take
/// the file.
pub fn pack_untrained(
    space: &ValidatedSpace,
    children: &[(String, Child)],
    options: UntrainedOptions,
    path: &Path,
    progress: impl FnMut(),
) -> Result<Manifest, PackRunError> {
    let UntrainedOptions { labels, preprocessing, seed, weight_storage } = options;
    let weights = random_weights(space, seed);
    // The statistics are those of the weights that ship.
    let weights = weight_storage.round(space.layout(), &weights)?;
    let mut shipped = untrained_children(space, &weights, children, seed, progress)?;
    shipped.sort_by_key(|(entry, _)| entry.cost.madds);
    let (entries, calibrated): (Vec<_>, Vec<_>) = shipped.into_iter().unzip();
    let manifest = Manifest {
        name: space.name.clone(),
        provenance: format!("nestling {}; random weights, seed {seed}, untrained", env!("CARGO_PKG_VERSION")),
        space: space.definition().clone(),
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
