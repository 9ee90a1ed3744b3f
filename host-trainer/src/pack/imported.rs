use super::{PackRunError, write};
use crate::import::{Imported, SourceModel};
use crate::new_file::NewFile;
use crate::untrained::untrained_children;
use nestling_bundle::{Bundle, BundleContents, Manifest, Trained};
use nestling_core::image::Preprocessing;
use nestling_core::latency::LatencyTable;
use nestling_core::metrics::Top1;
use nestling_core::space::{Child, ChildEntry};
use nestling_core::weights::WeightStorage;

/// Everything that a bundle of imported weights holds beside the weights.
#[derive(Clone, Debug)]
pub struct ImportedOptions {
    /// Name of the child that was imported.
    pub name: String,
    /// Untrained children that ship too, with their names.
    pub others: Vec<(String, Child)>,
    /// One name for each class.
    pub labels: Vec<String>,
    /// How pixels become input.
    pub preprocessing: Preprocessing,
    /// Seed of the images that calibrate the untrained children.
    pub seed: u64,
    /// How the file stores the weights.
    pub weight_storage: WeightStorage,
    /// Name of the file that the weights came from.
    pub source: String,
    /// Latency tables of known devices.
    pub latency_tables: Vec<LatencyTable>,
}

/// Writes a bundle to `file` in which only the imported child is trained, whole or not at all.
///
/// # Errors
/// [`PackRunError`] if the space does not offer a child, the storage cannot hold a weight, or the disk does not take
/// the file.
pub fn pack_imported(
    model: &dyn SourceModel,
    imported: Imported,
    options: ImportedOptions,
    file: NewFile,
    progress: impl FnMut(),
) -> Result<Bundle, PackRunError> {
    let ImportedOptions { name, others, labels, preprocessing, seed, weight_storage, source, latency_tables } = options;
    let (space, child) = (imported.space, imported.child.child().clone());
    let weights = weight_storage.round(space.layout(), &imported.weights)?;
    let mut shipped = untrained_children(&space, &weights, &others, seed, progress)?;
    let unknown = Top1 { correct: 0, images: 0 };
    let cost = space.lower(&child)?.cost();
    let entry = ChildEntry { name, child: child.clone(), cost, held_out: unknown, test: unknown };
    shipped.push((entry, imported.child));
    shipped.sort_by_key(|(entry, _)| entry.cost.madds);
    let (entries, calibrated): (Vec<_>, Vec<_>) = shipped.into_iter().unzip();
    let version = env!("CARGO_PKG_VERSION");
    let manifest = Manifest {
        name: space.name.clone(),
        provenance: format!("nestling {version}; {} from {source}; the rest is untrained", model.name()),
        space: space.definition().clone(),
        preprocessing,
        labels,
        children: entries,
        latency_tables,
        trained: Trained::Only(vec![child]),
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
