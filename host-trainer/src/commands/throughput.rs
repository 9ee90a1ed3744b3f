//! `throughput`: images per second of whole training steps.

use super::ranks::RankArguments;
use super::train::positive;
use super::{bar, print, say};
use anyhow::{Result, bail};
use clap::Args;
use nestling_train::ranks::{RankError, Ranks};
use nestling_train::space_file::preset_or_file;
use nestling_train::throughput::{Tried, largest_batch, throughput};
use nestling_train::torch;
use nestling_train::train::{Precision, TrainConfig};
use serde_json::json;
use std::path::PathBuf;
use tch::Device;

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
    /// Compute activations again for their gradient, in the place of keeping them
    #[arg(long)]
    recompute: bool,
    /// Find the largest batch that fits, by trying; --batch is not read
    #[arg(long, conflicts_with = "processes")]
    find_batch: bool,
    /// With --find-batch: the most GB of tensors [default: a whole GPU, or four fifths of the processor's free memory]
    #[arg(long, value_name = "GB", requires = "find_batch", value_parser = positive)]
    memory: Option<f64>,
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
            recompute: self.recompute,
            batch_size: self.batch,
            workers: 1,
            precision: self.precision,
            space,
            ..TrainConfig::default()
        };
        say(&format!("measuring on {choice}"));
        if self.find_batch {
            return self.find(&config, choice.device);
        }
        let bar = bar(2 * u64::from(self.rounds) * self.steps, "throughput");
        let measured = throughput(&config, choice.device, self.rounds, self.steps, ranks, || bar.inc(1))?;
        bar.finish_and_clear();
        let mut document = serde_json::to_value(&measured)?;
        document["device"] = choice.to_string().into();
        print(self.json, &document, || measured.to_string())
    }

    /// The largest batch.
    fn find(&self, config: &TrainConfig, device: Device) -> Result<()> {
        let most = self.memory.map(|gigabytes| (gigabytes * 1e9) as u64);
        let gigabytes = |tried: &Tried| tried.peak_bytes.map_or(f64::NAN, |bytes| bytes as f64 / 1e9);
        let mut all = Vec::new();
        let found = largest_batch(config, device, most, |tried| {
            let outcome = if tried.fits { "fit" } else { "do not fit" };
            say(&format!("{} images {outcome} ({:.2} GB)", tried.batch_size, gigabytes(tried)));
            all.push(*tried);
        })?;
        let Some(found) = found else { bail!("not even two images fit: take a smaller --resolution, or --recompute") };
        let document = json!({ "largest_batch": found.batch_size, "peak_bytes": found.peak_bytes, "tried": all });
        print(self.json, &document, || {
            format!(
                "the largest batch is {} images ({:.2} GB); for more a step, set `accumulate` in the TOML file of --config",
                found.batch_size,
                gigabytes(&found)
            )
        })
    }
}
