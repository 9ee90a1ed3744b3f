use super::{PackRunError, write};
use crate::new_file::NewFile;
use crate::untrained::{random_weights, untrained_children};
use nestling_bundle::{Bundle, BundleContents, Manifest, Trained};
use nestling_core::image::Preprocessing;
use nestling_core::latency::LatencyTable;
use nestling_core::space::{Child, ValidatedSpace};
use nestling_core::weights::WeightStorage;

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
    /// Latency tables of known devices.
    pub latency_tables: Vec<LatencyTable>,
}

/// Writes a bundle to `file` of random weights, whole or not at all; every child in it is marked untrained.
///
/// # Errors
/// [`PackRunError`] if the space does not offer a child, the storage cannot hold a weight, or the disk does not take
/// the file.
pub fn pack_untrained(
    space: &ValidatedSpace,
    children: &[(String, Child)],
    options: UntrainedOptions,
    file: NewFile,
    progress: impl FnMut(),
) -> Result<Bundle, PackRunError> {
    let UntrainedOptions { labels, preprocessing, seed, weight_storage, latency_tables } = options;
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
        latency_tables,
        trained: Trained::Only(Vec::new()),
        weight_storage,
        accuracy_predictor: None,
        images: None,
        split: None,
    };
    write(
        BundleContents { manifest: &manifest, weights: &weights, children: &calibrated, images: &[], golden: None },
        file,
    )
}
