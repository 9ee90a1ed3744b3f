//! From a searched run to the bundle that ships.

use crate::data::{Dataset, FASHION_LABELS};
use crate::run_folder::SearchReport;
use crate::search::Evaluator;
use nestling_bundle::{BundleContents, BundleError, BundledImages, Manifest, Trained};
use nestling_core::image::PixelFormat;
use nestling_core::latency::LatencyTable;
use nestling_core::space::{Child, ChildEntry, SpaceError};
use nestling_core::weights::WeightStorage;
use std::path::Path;

/// Why no bundle was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackRunError {
    /// A child cannot be calibrated.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The bundle is contradictory or the disk does not take it.
    #[error(transparent)]
    Pack(#[from] BundleError),
    /// The search names a child that it does not hold.
    #[error("the search chose child number {index}, but holds {count}; run `nestling search` again")]
    Index {
        /// The number.
        index: usize,
        /// How many there are.
        count: usize,
    },
    /// Calibration gave another accuracy than the search did.
    #[error(
        "child `{name}` now has {now} hits on the held-out images, {before} in the search: the checkpoint, the images or \
         the machine differ; run `nestling search` again"
    )]
    Moved {
        /// Which child.
        name: String,
        /// Hits now.
        now: u32,
        /// Hits then.
        before: u32,
    },
}

/// What ships beside the children and the weights.
#[derive(Clone, Debug)]
pub struct PackOptions {
    /// A line on data and recipe.
    pub provenance: String,
    /// How the file stores the weights.
    pub storage: WeightStorage,
    /// Images to calibrate other children with: the first of those that calibrated in the search; fewer where there are fewer.
    pub calibration_images: usize,
    /// Images to check such children with: the first of those held out from training; fewer where there are fewer.
    pub check_images: usize,
    /// What is known of devices.
    pub latency_tables: Vec<LatencyTable>,
}

/// Calibrates the chosen children again and writes the bundle, whole or not at all.
///
/// The evaluator's weights must be what `options.storage` gives back ([`WeightStorage::round`]): statistics and accuracy are those of
/// the weights that ship.
///
/// # Errors
/// [`PackRunError`] if search and checkpoint do not belong together, or the disk does not take the file.
pub fn pack(
    evaluator: &Evaluator<'_>,
    report: &SearchReport,
    options: PackOptions,
    path: &Path,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Manifest, PackRunError> {
    let PackOptions { provenance, storage, calibration_images, check_images, latency_tables } = options;
    let count = report.evaluated.len();
    let mut children: Vec<Child> = Vec::new();
    for chosen in &report.chosen {
        let found = report.evaluated.get(chosen.index);
        children.push(found.ok_or(PackRunError::Index { index: chosen.index, count })?.child.clone());
    }
    let found = evaluator.calibrate_and_evaluate(&children, progress)?;
    let mut entries = Vec::new();
    let mut calibrated = Vec::new();
    for (chosen, (statistics, now)) in report.chosen.iter().zip(found) {
        let before = report.evaluated[chosen.index].held_out;
        // The same weights and images give the same statistics; a few hits may turn on another processor, and a few more
        // where the weights were rounded.
        let most = before.images / if storage == WeightStorage::F32 { 200 } else { 50 };
        if now.held_out.images != before.images || now.held_out.correct.abs_diff(before.correct) > most {
            let (now, before) = (now.held_out.correct, before.correct);
            return Err(PackRunError::Moved { name: chosen.name.clone(), now, before });
        }
        entries.push(ChildEntry {
            name: chosen.name.clone(),
            child: now.child,
            cost: now.cost,
            held_out: now.held_out,
            test: chosen.test,
        });
        calibrated.push(statistics);
    }
    let (images, pixels) = bundled_images(evaluator, calibration_images, check_images);
    let manifest = Manifest {
        name: evaluator.space.name.clone(),
        provenance,
        space: evaluator.space.clone(),
        preprocessing: evaluator.preprocessing.clone(),
        labels: FASHION_LABELS.iter().map(ToString::to_string).collect(),
        children: entries,
        latency_tables,
        trained: Trained::WholeSpace,
        weight_storage: storage,
        accuracy_predictor: report.accuracy_predictor.clone(),
        images,
    };
    let contents =
        BundleContents { manifest: &manifest, weights: evaluator.weights, children: &calibrated, images: &pixels };
    contents.write(path)?;
    Ok(manifest)
}

/// The first images of each kind, as the dataset has them: grey and square.
fn bundled_images(evaluator: &Evaluator<'_>, calibration: usize, check: usize) -> (Option<BundledImages>, Vec<u8>) {
    let first = |all: &Dataset, count: usize| all.split_at(count).0;
    let (calibration, check) = (first(evaluator.calibration, calibration), first(evaluator.images, check));
    let pixels = [calibration.images.pixels, check.images.pixels].concat();
    let images = BundledImages {
        side: evaluator.images.images.width,
        format: PixelFormat::Grey8,
        calibration: calibration.labels.len() as u32,
        check_labels: check.labels.into_iter().map(u16::from).collect(),
    };
    ((!pixels.is_empty()).then_some(images), pixels)
}
