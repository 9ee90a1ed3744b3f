//! `pack --only`: writes the bundle of one child of a run, as a network of its own.

use super::pack::{Pack, golden_sources};
use super::trained_run::{TrainedRun, processors};
use super::{bar, reserve};
use anyhow::Result;
use nestling_bundle::atomic_file::check_bundle_output;
use nestling_bundle::{Bundle, Trained};
use nestling_core::space::Child;
use nestling_train::model::Extras;
use nestling_train::new_file::holds_weights;
use nestling_train::pack::{OneChild, PackOptions, pack_specialised};
use nestling_train::run_folder::RunFolder;
use nestling_train::search::Evaluator;
use nestling_train::train::specialised;
use std::path::PathBuf;

/// Training images that calibrate the child.
const CALIBRATION_IMAGES: u32 = 2048;

impl Pack {
    /// Runs the command for the child that is described by `text`.
    pub(super) fn run_only(&self, text: &str) -> Result<()> {
        let folder = RunFolder::open(&self.run.run);
        let output = self.output.clone().unwrap_or_else(|| self.run.run.join(format!("{}.nestling", file_name(text))));
        reserve(&output, self.run.json);
        let _lock = folder.lock_to_read("nestling pack")?;
        let inputs = [folder.files(), self.run.data.inputs(), self.labels.inputs()].concat();
        check_bundle_output(&output, inputs.iter().map(PathBuf::as_path))?;
        let run = TrainedRun::load(&self.run, &folder, CALIBRATION_IMAGES)?;
        let child = run.space.parse_child(text)?;
        let network = specialised(&run.checkpoint, &child)?;
        let labels = self.labels.labels(&run.data, run.space.classes)?;
        let is_own = |older: &Bundle| holds_weights(older, &network.space, &network.weights);
        let mut file = self.replace.claim(&output, &inputs, "nestling pack", is_own)?;
        let weights = self.weight_storage.round(network.space.layout(), &network.weights)?;
        let golden = golden_sources(&run.data.test, self.golden_pictures)?;
        let options = self.options(&run, &mut file, labels, golden);
        let options = PackOptions { trained: Trained::WholeSpace, ..options };
        let bar = bar(1, "calibrate and test");
        let evaluator = Evaluator {
            space: &network.space,
            weights: &weights,
            extras: &Extras::default(),
            known: &[],
            ..run.evaluator(&weights, &run.held_out, processors())
        };
        let one = OneChild { name: name(&run, &child), calibrated: network.calibrated, test: &run.data.test };
        let written = pack_specialised(&evaluator, one, options, file)?;
        bar.finish_and_clear();
        self.show(&output, &written)
    }
}

/// The name of a child in its bundle.
fn name(run: &TrainedRun, child: &Child) -> String {
    let named = [("smallest", run.space.smallest()), ("biggest", run.space.biggest())];
    let found = named.into_iter().find(|(_, known)| known == child);
    found.map_or_else(|| "child".to_owned(), |(name, _)| name.to_owned())
}

/// A file name for a child that is given as text.
fn file_name(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join("_")
}
