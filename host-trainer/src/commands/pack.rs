//! `pack`: writes the bundle of a searched run.

use super::data::LabelArguments;
use super::new_file::{ReplaceArgument, latency_tables};
use super::progress::Progress;
use super::search::test;
use super::trained_run::{BUNDLE_NAME, RunArguments, TrainedRun, processors};
use super::{print, reserve, say, shown};
use anyhow::{Result, bail};
use clap::Args;
use nestling_bundle::atomic_file::check_bundle_output;
use nestling_bundle::{Bundle, GoldenPictures};
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::weights::WeightStorage;
use nestling_train::data::{Dataset, to_png};
use nestling_train::new_file::{NewFile, holds_weights};
use nestling_train::pack::{GoldenSource, PackOptions, pack};
use nestling_train::run_folder::RunFolder;
use nestling_train::search::SearchReport;
use nestling_train::train::Checkpoint;
use serde_json::json;
use std::path::{Path, PathBuf};

/// Writes the bundle: shared weights, search space, calibrated children, labels, preprocessing, accuracy predictor, and
/// images that calibrate and check other children.
///
/// `nestling latency add` adds device profiles to it. Packing again keeps them, if the search space is the same. A
/// bundle of another run is not replaced unless --replace is given.
#[derive(Args, Debug)]
pub struct Pack {
    #[command(flatten)]
    pub(super) run: RunArguments,
    /// File to write [default: fashion.nestling in the run's folder]
    #[arg(long)]
    pub(super) output: Option<PathBuf>,
    /// Pack this child alone, as a network of its own: biggest, smallest, or a child as text. The widths of a slimmable
    /// run and the children of a once-for-all run ship so; no search is needed
    #[arg(long, value_name = "CHILD")]
    only: Option<String>,
    #[command(flatten)]
    pub(super) replace: ReplaceArgument,
    #[command(flatten)]
    pub(super) labels: LabelArguments,
    /// How the file stores the weights: f32, f16 or int8; a device does the same by default
    #[arg(long, value_name = "STORAGE", default_value_t = WeightStorage::F32)]
    pub(super) weight_storage: WeightStorage,
    /// Training images that ship, so that a device can calibrate any child; the first that the search used
    /// [default: 256, or as many as 4 MiB hold]
    #[arg(long, value_name = "COUNT")]
    calibration_images: Option<usize>,
    /// Validation images that ship with their classes, so that a device can check a child that it calibrated
    /// [default: 512, or as many as 4 MiB hold]
    #[arg(long, value_name = "COUNT")]
    check_images: Option<usize>,
    /// Test pictures that ship as files with the trainer's answers, so that `nestling-device self-test` can compare a
    /// device's: up to 8
    #[arg(long, default_value_t = GoldenPictures::MAX_PICTURES)]
    pub(super) golden_pictures: usize,
}

/// Bytes of the images of a kind that ship unless a number is asked for: those of photographs would be several times
/// the weights.
const MAX_IMAGE_BYTES: usize = 4 << 20;

/// The number of images of a kind that ship at most unless a number is asked for, one at least.
fn most_shipped(images: &Dataset) -> usize {
    // A bundle holds colours in four bytes.
    let pixel_bytes = if images.channels == 1 { 1 } else { 4 };
    (MAX_IMAGE_BYTES / (images.side as usize * images.side as usize * pixel_bytes).max(1)).max(1)
}

/// The first test pictures as files: the originals where they are small, else the squares that the trainer read.
pub(super) fn golden_sources(test: &Dataset, count: usize) -> Result<Vec<GoldenSource>> {
    let source = |index: usize| -> Result<GoldenSource> {
        let original = test.original(index)?;
        if let Some((name, bytes)) = original.filter(|(_, bytes)| bytes.len() <= GoldenPictures::MAX_BYTES) {
            return Ok(GoldenSource { name, bytes });
        }
        Ok(GoldenSource { name: format!("test image {index}"), bytes: to_png(&test.pixels(index)?, test.side)? })
    };
    (0..count.min(GoldenPictures::MAX_PICTURES).min(test.len())).map(source).collect()
}

impl Pack {
    /// Runs the command.
    pub fn run(mut self) -> Result<()> {
        self.run.resolve()?;
        if let Some(child) = &self.only {
            return self.run_only(child);
        }
        let folder = RunFolder::open(&self.run.run);
        let output = self.output.clone().unwrap_or_else(|| self.run.run.join(BUNDLE_NAME));
        reserve(&output, self.run.json);
        let _lock = folder.lock_to_read("nestling pack")?;
        let searched = folder.searched();
        if searched.is_err() {
            // No search is needed where children ship alone.
            check_ships_together(&folder.trained()?)?;
        }
        let mut report = searched?;
        let inputs = [folder.files(), self.run.data.inputs(), self.labels.inputs()].concat();
        check_bundle_output(&output, inputs.iter().map(PathBuf::as_path))?;
        let run = TrainedRun::load(&self.run, &folder, report.calibration_images)?;
        let space = &run.space;
        check_ships_together(&run.checkpoint)?;
        let packed = folder.packed()?;
        let is_own = |older: &Bundle| {
            packed.contains(&older.network_id().to_string())
                || holds_weights(older, space, run.checkpoint.shipped_weights())
        };
        let labels = self.labels.labels(&run.data, space.classes)?;
        let mut file = self.replace.claim(&output, &inputs, "nestling pack", is_own)?;
        let weights = self.weight_storage.round(space.layout(), run.checkpoint.shipped_weights())?;
        if self.weight_storage != WeightStorage::F32 {
            test_rounded(&run, &weights, &mut report)?;
        }
        let evaluator = run.evaluator(&weights, &run.held_out, processors());
        let golden = golden_sources(&run.data.test, self.golden_pictures)?;
        let options = self.options(&run, &mut file, labels, golden);
        let (progress, count) = (Progress::new(report.chosen.len(), "calibrate"), report.chosen.len());
        let written = pack(&evaluator, &report, options, file, &|done| progress.set(done, count))?;
        drop(progress);
        if let Err(why) = folder.add_packed(written.network_id()) {
            say(&format!("note: the next pack of this run will ask for --replace: {why}"));
        }
        if written.manifest().accuracy_predictor.is_none() {
            say(
                "the search holds no accuracy predictor, so the bundle has none; run `nestling search` again to fit one",
            );
        }
        self.show(&output, &written)
    }

    pub(super) fn options(
        &self,
        run: &TrainedRun,
        file: &mut NewFile,
        labels: Vec<String>,
        golden: Vec<GoldenSource>,
    ) -> PackOptions {
        let config = &run.checkpoint.config;
        let latency_tables = latency_tables(file, &config.space);
        let provenance = format!(
            "nestling-train {}: {}, {} steps of {} images, seed {}",
            env!("CARGO_PKG_VERSION"),
            run.data.name,
            run.checkpoint.step,
            config.batch_size,
            config.seed
        );
        let most = most_shipped(&run.calibration);
        PackOptions {
            labels,
            provenance,
            storage: self.weight_storage,
            calibration_images: self.calibration_images.unwrap_or(256.min(most)),
            check_images: self.check_images.unwrap_or(512.min(most)),
            trained: config.method.trained(&run.space),
            split: run.checkpoint.data_split(),
            latency_tables,
            golden,
        }
    }

    pub(super) fn show(&self, output: &Path, bundle: &Bundle) -> Result<()> {
        let manifest = bundle.manifest();
        let value = json!({
            "bundle": shown(output),
            "id": bundle.id().to_string(),
            "bytes": bundle.file_bytes(),
            "weight_storage": self.weight_storage,
            "weight_bytes": bundle.weight_bytes(),
            "children": manifest.children.len(),
            "accuracy_predictor": manifest.accuracy_predictor.as_ref().map(AccuracyPredictor::prediction_error),
            "calibration_images": bundle.calibration_images().len(),
            "check_images": bundle.check_images().len(),
            "latency_tables": manifest.latency_tables.len(),
        });
        print(self.run.json, &value, || {
            let kib = bundle.file_bytes() as f64 / 1024.0;
            let kept = match manifest.latency_tables.len() {
                0 => String::new(),
                count => format!(", {count} latency tables kept of the replaced file"),
            };
            format!(
                "{}: {kib:.0} KiB, {} children, {} calibration and {} check images{kept}, {}",
                output.display(),
                manifest.children.len(),
                bundle.calibration_images().len(),
                bundle.check_images().len(),
                bundle.id()
            )
        })
    }
}

/// Checks that the children of a run ship in one bundle.
fn check_ships_together(run: &Checkpoint) -> Result<()> {
    let method = run.config.method;
    if method.ships_alone() {
        bail!("each child of a {method} run ships as a network of its own: name one with --only CHILD");
    }
    Ok(())
}

/// Evaluates the shipped children on the test images again: the search had the exact weights, the file has rounded
/// ones.
fn test_rounded(run: &TrainedRun, weights: &[f32], report: &mut SearchReport) -> Result<()> {
    let children: Vec<_> = report.shipped().map(|(_, evaluated)| evaluated.child.clone()).collect();
    let tested = test(run, weights, &children, processors())?;
    for (chosen, tested) in report.chosen.iter_mut().zip(tested) {
        chosen.test = tested.held_out;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_images_ship_in_smaller_numbers() {
        let of =
            |side, channels| most_shipped(&Dataset::in_memory(side, channels, Vec::new(), Vec::new(), 10).unwrap());
        assert!(of(28, 1) > 512, "all of Fashion-MNIST's");
        assert_eq!([of(152, 3), of(304, 3), of(4000, 3)], [45, 11, 1]);
    }
}
