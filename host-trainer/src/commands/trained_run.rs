//! The arguments and the contents of a run, shared by the commands that work on one.

use super::data::DataArguments;
use anyhow::Result;
use clap::Args;
use nestling_core::image::Preprocessing;
use nestling_core::space::{CalibratedChild, ValidatedSpace};
use nestling_train::data::{Dataset, LoadedData};
use nestling_train::model::Extras;
use nestling_train::ranks::Ranks;
use nestling_train::run_folder::RunFolder;
use nestling_train::search::Evaluator;
use nestling_train::torch;
use nestling_train::train::{Checkpoint, TrainingData, all_own_statistics, hash_of};
use std::path::PathBuf;
use std::sync::Arc;
use tch::Device;

/// A run and its data.
#[derive(Args, Debug)]
pub struct RunArguments {
    /// Folder of the run: checkpoint, curves, search result
    #[arg(long, default_value = "target/run")]
    pub run: PathBuf,
    #[command(flatten)]
    pub data: DataArguments,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

impl RunArguments {
    /// Takes the images that the run in the folder began with, if none are given.
    pub fn resolve(&mut self) -> Result<()> {
        self.data.resolve(&RunFolder::open(&self.run))
    }
}

/// Default name of the bundle in the folder of a run.
pub const BUNDLE_NAME: &str = "fashion.nestling";

/// A trained run with its images.
pub struct TrainedRun {
    pub checkpoint: Checkpoint,
    pub space: ValidatedSpace,
    pub calibration: Dataset,
    pub held_out: Dataset,
    pub data: LoadedData,
    pub preprocessing: Preprocessing,
    extras: Extras,
    /// Children with statistics of their own.
    known: Vec<CalibratedChild>,
    device: Device,
    /// The processes that share a search.
    pub ranks: Arc<Ranks>,
}

impl TrainedRun {
    /// Loads the run in `folder`, and its images, of which the first `calibration_images` calibrate.
    pub fn load(arguments: &RunArguments, folder: &RunFolder, calibration_images: u32) -> Result<Self> {
        let device = torch::initialise().device;
        let checkpoint = folder.trained()?;
        let space = checkpoint.config.validate()?;
        let data = arguments.data.load_for_run(&checkpoint)?;
        let images = TrainingData::from(&data);
        images.check_run(&checkpoint)?;
        let (training, held_out) = images.parts(&checkpoint.config, &space)?;
        let (calibration, _) = training.split_at(calibration_images as usize);
        let preprocessing = checkpoint.preprocessing.clone().unwrap_or_else(|| data.preprocessing.clone());
        let extras = checkpoint.config.method.extras(&space)?;
        let known = all_own_statistics(&checkpoint)?;
        let ranks = Arc::default();
        Ok(Self { checkpoint, space, calibration, held_out, data, preprocessing, extras, known, device, ranks })
    }

    /// A number that differs between other weights.
    pub fn weights_hash(&self) -> u64 {
        hash_of(self.checkpoint.shipped_weights())
    }

    /// Evaluates children of the run, with these weights, on `images`.
    pub fn evaluator<'a>(&'a self, weights: &'a [f32], images: &'a Dataset, workers: usize) -> Evaluator<'a> {
        Evaluator {
            space: &self.space,
            weights,
            extras: &self.extras,
            known: &self.known,
            preprocessing: &self.preprocessing,
            calibration: &self.calibration,
            images,
            workers: if self.device.is_cuda() { 1 } else { workers },
            device: self.device,
            ranks: &self.ranks,
        }
    }
}

/// Number of processors.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
