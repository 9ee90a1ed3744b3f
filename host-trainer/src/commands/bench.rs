//! `bench`: how fast a step is.

use super::{preprocessing, print};
use anyhow::Result;
use clap::Args;
use nestling_train::bench::{BenchReport, bench};
use nestling_train::data::load_fashion;
use nestling_train::torch;
use nestling_train::train::TrainConfig;
use std::path::PathBuf;

/// Measures images per CPU-second of a sandwich step and of a step of the biggest child alone, and what a second worker
/// adds; all in one run, in turns, so that a noisy machine disturbs each alike.
#[derive(Args, Debug)]
pub struct Bench {
    /// Rounds; each takes about ten seconds
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Steps of each kind a round
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    /// Folder with the four Fashion-MNIST files [default: where the system's package puts them]
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let choice = torch::initialise();
        let (images, _) = load_fashion(self.data.as_deref())?;
        let progress = super::bar(u64::from(self.rounds), "bench");
        let config = TrainConfig::default();
        let report: BenchReport =
            bench(&config, &images, &preprocessing(), choice.device, self.rounds, self.steps, || progress.inc(1))?;
        progress.finish_and_clear();
        print(self.json, &report, || report.to_string())
    }
}
