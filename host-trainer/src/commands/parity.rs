//! `parity`: device against trainer.

use super::data::DataArguments;
use super::progress::Progress;
use super::{open_bundle, print};
use anyhow::Result;
use clap::Args;
use nestling_train::parity::parity;
use nestling_train::torch;
use std::path::PathBuf;

/// Compares the device's logits with the trainer's, and both with a plain f64 reference.
#[derive(Args, Debug)]
pub struct Parity {
    /// Bundle whose children are compared
    bundle: PathBuf,
    /// Random children beside the smallest and the biggest
    #[arg(long, default_value_t = 20)]
    children: usize,
    /// Test images a child
    #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    images: u32,
    #[command(flatten)]
    data: DataArguments,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Parity {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        torch::initialise();
        let bundle = open_bundle(&self.bundle)?;
        let data = self.data.load_for_bundle(&bundle)?;
        let (calibration, _) = data.training.split_at(512);
        let (images, _) = data.test.split_at(self.images as usize);
        let (progress, count) = (Progress::new(self.children + 2, "parity"), self.children + 2);
        let report = parity(&bundle, self.children, &calibration, &images, |done, _| progress.set(done, count))?;
        drop(progress);
        print(self.json, &report, || {
            format!(
                "{} children, {} images each, on {}:\nlargest relative error {:.2e} against the trainer, {:.2e} against \
                 the f64 reference; same class for {:.3} % of images",
                report.children,
                report.images,
                report.adapter,
                report.max_relative_error,
                report.max_relative_error_to_reference,
                100.0 * report.top1_agreement
            )
        })
    }
}
