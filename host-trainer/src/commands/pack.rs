//! `pack`: writes the bundle of a searched run.

use super::advice::advice;
use super::search::test;
use super::trained_run::{RunArguments, TrainedRun, processors};
use super::{bar, print, say};
use anyhow::Result;
use clap::Args;
use nestling_bundle::{Bundle, Manifest};
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::weights::WeightStorage;
use nestling_train::fleet::carry_over_tables;
use nestling_train::pack::{PackOptions, pack};
use nestling_train::run_folder::RunFolder;
use nestling_train::search::SearchReport;
use serde_json::json;
use std::path::PathBuf;

/// Writes the bundle: shared weights, search space, calibrated children, labels, preprocessing, accuracy predictor, and
/// images that calibrate and check other children.
///
/// `nestling latency add` adds device profiles to it. Packing again keeps them, if the search space is the same.
#[derive(Args, Debug)]
pub struct Pack {
    #[command(flatten)]
    run: RunArguments,
    /// File to write
    #[arg(long, default_value = "target/run/fashion.nestling")]
    output: PathBuf,
    /// How the file stores the weights: f32, f16 or int8; a device does the same by default
    #[arg(long, value_name = "STORAGE", default_value_t = WeightStorage::F32)]
    weight_storage: WeightStorage,
    /// Training images that ship, so that a device can calibrate any child; the first that the search used
    #[arg(long, default_value_t = 256)]
    calibration_images: usize,
    /// Held-out images that ship with their classes, so that a device can check a child that it calibrated
    #[arg(long, default_value_t = 512)]
    check_images: usize,
}

impl Pack {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let folder = RunFolder::open(&self.run.run);
        let mut report = folder.searched()?;
        let run = TrainedRun::load(&self.run, &folder, report.calibration_images)?;
        let space = &run.space;
        let weights = self.weight_storage.round(space.layout(), run.checkpoint.shipped_weights())?;
        if self.weight_storage != WeightStorage::F32 {
            test_rounded(&run, &weights, &mut report)?;
        }
        let bar = bar(report.chosen.len() as u64, "calibrate");
        let evaluator = run.evaluator(&weights, &run.held_out, processors());
        let options = self.options(&run);
        let manifest = pack(&evaluator, &report, options, &self.output, &|done| bar.set_position(done as u64))?;
        bar.finish_and_clear();
        if manifest.accuracy_predictor.is_none() {
            say(
                "the search holds no accuracy predictor, so the bundle has none; run `nestling search` again to fit one",
            );
        }
        self.show(&manifest)
    }

    fn options(&self, run: &TrainedRun) -> PackOptions {
        let (config, dataset) = (&run.checkpoint.config, self.run.data.dataset());
        let latency_tables = carry_over_tables(&self.output, &config.space).unwrap_or_else(|why| {
            let hint = advice(&why).map(|hint| format!("; {hint}")).unwrap_or_default();
            say(&format!("note: the bundle ships without latency tables: {why}{hint}"));
            Vec::new()
        });
        let provenance = format!(
            "nestling-train {}: {}, {} steps of {} images, seed {}",
            env!("CARGO_PKG_VERSION"),
            dataset.name,
            run.checkpoint.step,
            config.batch_size,
            config.seed
        );
        PackOptions {
            dataset,
            provenance,
            storage: self.weight_storage,
            calibration_images: self.calibration_images,
            check_images: self.check_images,
            latency_tables,
        }
    }

    fn show(&self, manifest: &Manifest) -> Result<()> {
        // The device opens the file in the same way.
        let bundle = Bundle::open(&self.output)?;
        let value = json!({
            "bundle": self.output,
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
                self.output.display(),
                manifest.children.len(),
                bundle.calibration_images().len(),
                bundle.check_images().len(),
                bundle.id()
            )
        })
    }
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
