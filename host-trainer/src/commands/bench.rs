//! `bench`: speed of a training step.

use super::data::DataArguments;
use super::print;
use anyhow::{Context, Result};
use clap::Args;
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::space::SearchSpace;
use nestling_train::bench::{BenchReport, bench, bench_loader};
use nestling_train::data::Dataset;
use nestling_train::space_file::preset_or_file;
use nestling_train::torch;
use nestling_train::train::TrainConfig;
use std::path::{Path, PathBuf};

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
    /// Measure the loader instead: its share of the decoder's speed, and the gain from its cache, on photographs of 12
    /// megapixels that are made in target/bench
    #[arg(long, conflicts_with_all = ["space", "batch"])]
    loader: bool,
    /// Preset or TOML file of another search space, measured with made-up images
    #[arg(long)]
    space: Option<PathBuf>,
    /// Only this input size of that space [default: all that it offers, images of the largest]
    #[arg(long, requires = "space")]
    resolution: Option<u32>,
    /// Images a step [default: the recipe's]
    #[arg(long)]
    batch: Option<u32>,
    #[command(flatten)]
    data: DataArguments,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Bench {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        if self.loader {
            let progress = super::bar(u64::from(self.rounds), "loader");
            let report = bench_loader(Path::new("target/bench/loader"), self.rounds, || progress.inc(1))?;
            progress.finish_and_clear();
            return print(self.json, &report, || report.to_string());
        }
        let choice = torch::initialise();
        let mut config = TrainConfig::default();
        config.batch_size = self.batch.unwrap_or(config.batch_size);
        let (images, preprocessing) = match &self.space {
            Some(space) => {
                config.space = self.space(space)?;
                made_up(&config)?
            }
            None => {
                let data = self.data.load_for(&config.space)?;
                (data.training, data.preprocessing)
            }
        };
        let progress = super::bar(u64::from(self.rounds), "bench");
        let report: BenchReport =
            bench(&config, &images, &preprocessing, choice.device, self.rounds, self.steps, || progress.inc(1))?;
        progress.finish_and_clear();
        print(self.json, &report, || report.to_string())
    }

    fn space(&self, name: &Path) -> Result<SearchSpace> {
        let mut space = preset_or_file(name)?.definition().clone();
        if let Some(resolution) = self.resolution {
            space.resolutions = vec![resolution];
        }
        Ok(space)
    }
}

/// Noise for two batches: the values of pixels cost nothing, only their number.
fn made_up(config: &TrainConfig) -> Result<(Dataset, Preprocessing)> {
    let SearchSpace { input_channels: channels, classes, .. } = config.space;
    let side = config.space.resolutions.iter().copied().max().context("the space offers no input size")?;
    let count = 2 * config.batch_size;
    let pixels = (0..count * side * side * channels).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let labels = (0..count).map(|index| (index % classes) as u16).collect();
    let (means, standard_deviations) = (vec![0.5; channels as usize], vec![0.25; channels as usize]);
    let preprocessing = Preprocessing { means, standard_deviations, centre_fraction: 1.0, fit: Fit::Crop };
    Ok((Dataset::in_memory(side, channels, pixels, labels, classes)?, preprocessing))
}
