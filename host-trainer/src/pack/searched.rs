use super::golden::smallest_and_biggest;
use super::{GoldenSource, PackRunError, ShippedNetwork, golden_pictures, write};
use crate::data::{DataError, Dataset};
use crate::new_file::NewFile;
use crate::search::{Evaluated, Evaluator, SearchReport};
use nestling_bundle::{Bundle, BundleContents, BundledImages, DataSplit, GoldenPictures, Manifest, Trained};
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::image::PixelFormat;
use nestling_core::latency::LatencyTable;
use nestling_core::space::{CalibratedChild, Child, ChildEntry};
use nestling_core::weights::WeightStorage;

/// Everything that ships beside the children and the weights.
#[derive(Clone, Debug)]
pub struct PackOptions {
    /// One name for each class.
    pub labels: Vec<String>,
    /// A line on data and recipe.
    pub provenance: String,
    /// How the file stores the weights.
    pub storage: WeightStorage,
    /// Number of images that ship to calibrate other children with: the first that calibrated in the search, or all.
    pub calibration_images: usize,
    /// Number of images that ship to check such children with: the first held out from training, or all.
    pub check_images: usize,
    /// The children that were trained.
    pub trained: Trained,
    /// How the pictures of the training were divided, if they are files.
    pub split: Option<DataSplit>,
    /// Latency tables of known devices.
    pub latency_tables: Vec<LatencyTable>,
    /// Pictures with which a device can check itself, at most [`GoldenPictures::MAX_PICTURES`]. They should not be among
    /// the training images: the first of each class that was held out will do. None ships no section.
    pub golden: Vec<GoldenSource>,
}

/// Calibrates the chosen children again and writes the bundle to `file`, whole or not at all.
///
/// The evaluator's weights must be those that `options.storage` gives back ([`WeightStorage::round`]): statistics and
/// accuracy belong to the weights that ship.
///
/// # Errors
/// [`PackRunError`] if search and checkpoint do not belong together, or the disk does not take the file.
pub fn pack(
    evaluator: &Evaluator<'_>,
    report: &SearchReport,
    options: PackOptions,
    file: NewFile,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Bundle, PackRunError> {
    let (children, calibrated) = calibrate_chosen(evaluator, report, options.storage, progress)?;
    write_children(evaluator, (children, &calibrated), report.accuracy_predictor.clone(), options, file)
}

/// Writes the bundle of children that are calibrated and tested, with images and golden pictures.
pub(super) fn write_children(
    evaluator: &Evaluator<'_>,
    (children, calibrated): (Vec<ChildEntry>, &[CalibratedChild]),
    predictor: Option<AccuracyPredictor>,
    options: PackOptions,
    file: NewFile,
) -> Result<Bundle, PackRunError> {
    let (images, pixels) = bundled_images(evaluator, options.calibration_images, options.check_images)?;
    let golden = golden_section(evaluator, &children, calibrated, &options.golden)?;
    let manifest = Manifest {
        name: evaluator.space.name.clone(),
        provenance: options.provenance,
        space: evaluator.space.definition().clone(),
        preprocessing: evaluator.preprocessing.clone(),
        labels: options.labels,
        children,
        latency_tables: options.latency_tables,
        trained: options.trained,
        weight_storage: options.storage,
        accuracy_predictor: predictor,
        images,
        split: options.split,
    };
    let contents = BundleContents {
        manifest: &manifest,
        weights: evaluator.weights,
        children: calibrated,
        images: &pixels,
        golden: golden.as_ref(),
    };
    write(contents, file)
}

/// The answers of the smallest and the biggest child.
fn golden_section(
    evaluator: &Evaluator<'_>,
    children: &[ChildEntry],
    calibrated: &[CalibratedChild],
    sources: &[GoldenSource],
) -> Result<Option<GoldenPictures>, PackRunError> {
    if sources.is_empty() {
        return Ok(None);
    }
    let Evaluator { space, weights, preprocessing, .. } = *evaluator;
    let named: Vec<_> = children.iter().map(|entry| entry.name.as_str()).zip(calibrated).collect();
    golden_pictures(ShippedNetwork { space, weights, preprocessing }, &smallest_and_biggest(&named), sources).map(Some)
}

/// The chosen children with their statistics; an error if one has another accuracy than in the search.
fn calibrate_chosen(
    evaluator: &Evaluator<'_>,
    report: &SearchReport,
    storage: WeightStorage,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<(Vec<ChildEntry>, Vec<CalibratedChild>), PackRunError> {
    let count = report.evaluated.len();
    let searched: Vec<&Evaluated> = (report.chosen.iter())
        .map(|chosen| report.evaluated.get(chosen.index).ok_or(PackRunError::Index { index: chosen.index, count }))
        .collect::<Result<_, _>>()?;
    let children: Vec<Child> = searched.iter().map(|searched| searched.child.clone()).collect();
    let evaluated = evaluator.calibrate_and_evaluate(&children, progress)?;
    let (mut entries, mut calibrated) = (Vec::new(), Vec::new());
    for ((chosen, searched), (statistics, now)) in report.chosen.iter().zip(searched).zip(evaluated) {
        let before = searched.held_out;
        // The same weights and images give the same statistics. A few hits may differ on another processor, and a few
        // more where the weights were rounded.
        let most = before.images / if storage == WeightStorage::F32 { 200 } else { 50 };
        if now.held_out.images != before.images || now.held_out.correct.abs_diff(before.correct) > most {
            let (now, before) = (now.held_out.correct, before.correct);
            return Err(PackRunError::AccuracyChanged { name: chosen.name.clone(), now, before });
        }
        let (name, test) = (chosen.name.clone(), chosen.test);
        entries.push(ChildEntry { name, child: now.child, cost: now.cost, held_out: now.held_out, test });
        calibrated.push(statistics);
    }
    Ok((entries, calibrated))
}

/// The first images of each kind.
fn bundled_images(
    evaluator: &Evaluator<'_>,
    calibration: usize,
    check: usize,
) -> Result<(Option<BundledImages>, Vec<u8>), DataError> {
    let first = |all: &Dataset, count: usize| all.split_at(count).0;
    let (calibration, check) = (first(evaluator.calibration, calibration), first(evaluator.images, check));
    let format = if calibration.channels == 1 { PixelFormat::Grey8 } else { PixelFormat::Rgba8 };
    let mut pixels = Vec::new();
    for image in calibration.batches(1).chain(check.batches(1)) {
        match format {
            PixelFormat::Grey8 => pixels.extend(image?),
            _ => pixels.extend(image?.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255])),
        }
    }
    let (side, calibration) = (check.side, calibration.len() as u32);
    let images = BundledImages { side, format, calibration, check_labels: check.labels };
    Ok(((!pixels.is_empty()).then_some(images), pixels))
}
