//! From a searched run to the bundle that ships.

use crate::data::FASHION_LABELS;
use crate::run_folder::SearchReport;
use crate::search::Evaluator;
use nestling::WeightStorage;
use nestling::bundle::{BundleContents, ChildEntry, Manifest, PackError, Trained};
use nestling::latency::LatencyTable;
use nestling::space::{Child, SpaceError};
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
    Pack(#[from] PackError),
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

/// Calibrates the chosen children again and writes the bundle, whole or not at all.
///
/// The evaluator's weights must be what `storage` gives back ([`WeightStorage::round`]): statistics and accuracy are those of
/// the weights that ship.
///
/// # Errors
/// [`PackRunError`] if search and checkpoint do not belong together, or the disk does not take the file.
pub fn pack(
    evaluator: &Evaluator<'_>,
    report: &SearchReport,
    provenance: String,
    latency_tables: Vec<LatencyTable>,
    storage: WeightStorage,
    path: &Path,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Manifest, PackRunError> {
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
    };
    BundleContents { manifest: &manifest, weights: evaluator.weights, children: &calibrated }.write(path)?;
    Ok(manifest)
}
