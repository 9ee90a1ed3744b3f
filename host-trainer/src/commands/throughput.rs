//! `throughput`: images per second of whole training steps.

use super::ranks::RankArguments;
use super::{bar, print, say};
use anyhow::Result;
use clap::Args;
use nestling_train::ranks::{RankError, Ranks};
use nestling_train::space_file::preset_or_file;
use nestling_train::throughput::throughput;
use nestling_train::torch;
use nestling_train::train::{Precision, TrainConfig};
use std::path::PathBuf;

/// Measures images per second of whole training steps on a made-up batch: of the sandwich, and of the biggest child alone.
///
/// Updates are included, images are on the device already. On a GPU it also reports the memory that was taken. `bench`
/// counts CPU-seconds instead.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  nestling throughput --space table1 --resolution 320 --precision bf16 --json")]
pub struct Throughput {
    /// Preset or TOML file of the search space
    #[arg(long, default_value = "table1")]
    space: PathBuf,
    /// Only this input size of the space [default: all that it offers, images of the largest]
    #[arg(long)]
    resolution: Option<u32>,
    /// Images a step, of all processes together
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(2..=65_536))]
    batch: u32,
    /// Steps of each kind a round
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    steps: u64,
    /// Rounds, in turns; the rates are medians
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    /// f32, bf16, or auto: bf16 on a GPU
    #[arg(long, default_value_t)]
    precision: Precision,
    #[command(flatten)]
    ranks: RankArguments,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Throughput {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        self.ranks.run(|ranks| self.measure(ranks))
    }

    fn measure(&self, ranks: &Ranks) -> Result<()> {
        let (batch, count) = (self.batch, ranks.count());
        if !batch.is_multiple_of(count) || batch / count < 2 {
            return Err(RankError::Workers { workers: batch, count }.into());
        }
        let choice = torch::initialise();
        let mut space = preset_or_file(&self.space)?.definition().clone();
        if let Some(resolution) = self.resolution {
            space.resolutions = vec![resolution];
        }
        let config = TrainConfig {
            batch_size: self.batch,
            workers: 1,
            precision: self.precision,
            space,
            ..TrainConfig::default()
        };
        say(&format!("measuring on {choice}"));
        let bar = bar(2 * u64::from(self.rounds) * self.steps, "throughput");
        let measured = throughput(&config, choice.device, self.rounds, self.steps, ranks, || bar.inc(1))?;
        bar.finish_and_clear();
        let mut document = serde_json::to_value(&measured)?;
        document["device"] = choice.to_string().into();
        print(self.json, &document, || measured.to_string())
    }
}
