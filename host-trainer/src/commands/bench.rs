//! `bench`: speed of a training step.

use super::data::DataArguments;
use super::print;
use anyhow::Result;
use clap::Args;
use nestling_train::bench::{BenchReport, bench};
use nestling_train::torch;
use nestling_train::train::TrainConfig;

/// Measures images per CPU-second of a sandwich step, of a step of the biggest child alone, and with a second worker.
///
/// All are measured in one run, in turns, so that noise of the machine affects all of them equally.
#[derive(Args, Debug)]
pub struct Bench {
    /// Rounds; each takes about ten seconds
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Steps of each kind a round
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(u64).range(1..))]
    steps: u64,
    #[command(flatten)]
    data: DataArguments,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let choice = torch::initialise();
        let config = TrainConfig::default();
        let data = self.data.load_for(&config.space)?;
        let preprocessing = data.preprocessing;
        let progress = super::bar(u64::from(self.rounds), "bench");
        let report: BenchReport =
            bench(&config, &data.training, &preprocessing, choice.device, self.rounds, self.steps, || progress.inc(1))?;
        progress.finish_and_clear();
        print(self.json, &report, || report.to_string())
    }
}
