//! `train`: trains the supernet, or resumes a run.

use super::trained_run::RunArguments;
use super::{bar, print, say};
use anyhow::{Context, Result, bail};
use clap::Args;
use nestling_train::run_folder::RunFolder;
use nestling_train::torch;
use nestling_train::train::{EpochReport, TrainConfig, Trainer};
use serde_json::json;
use std::path::PathBuf;
use tch::Device;

/// Trains a supernet. A run that was killed continues from its last epoch, and ends with the same weights.
#[derive(Args, Debug)]
pub struct Train {
    #[command(flatten)]
    run: RunArguments,
    /// TOML file of hyper-parameters; a key that is left out keeps its default
    #[arg(long)]
    config: Option<PathBuf>,
    /// Passes over the training images
    #[arg(long)]
    epochs: Option<u32>,
    /// Processor threads that share a step [default: as configured; 1 on a GPU]
    #[arg(long)]
    workers: Option<u32>,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// Stop after this many epochs; a later run continues
    #[arg(long)]
    stop_after: Option<u32>,
    /// Print the resolved configuration as TOML and stop
    #[arg(long)]
    print_config: bool,
}

impl Train {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let choice = torch::initialise();
        let config = self.config(choice.device)?;
        if self.print_config {
            let text = toml::to_string(&config)?;
            return print(self.run.json, &config, || text);
        }
        say(&format!("training on {choice}"));
        let folder = RunFolder::create(&self.run.run)?;
        let (mut trainer, mut epochs) = self.start(config, &folder, choice.device)?;
        let last = self.stop_after.unwrap_or(u32::MAX).min(trainer.config().epochs);
        while trainer.epochs_done() < last {
            epochs.push(train_epoch(&mut trainer)?);
            folder.save(&trainer.checkpoint(), &epochs)?;
        }
        let summary = trainer.summary();
        print(self.run.json, &json!({"train": summary, "device": choice.to_string(), "epochs": epochs}), || {
            format!(
                "trained {} steps over {} images in {:.0} CPU-seconds ({:.0} s); next: nestling search --run {}",
                summary.steps,
                summary.images,
                summary.cpu_s,
                summary.wall_s,
                self.run.run.display()
            )
        })
    }

    fn config(&self, device: Device) -> Result<TrainConfig> {
        let mut config = match &self.config {
            None => TrainConfig::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
                toml::from_str(&text).with_context(|| format!("{} is not a training configuration", path.display()))?
            }
        };
        config.epochs = self.epochs.unwrap_or(config.epochs);
        config.seed = self.seed.unwrap_or(config.seed);
        config.workers = self.workers.unwrap_or(if device.is_cuda() { 1 } else { config.workers });
        config.validate()?;
        Ok(config)
    }

    /// A trainer at the start, or where the run in `folder` stopped, with the epochs that are done.
    fn start(&self, config: TrainConfig, folder: &RunFolder, device: Device) -> Result<(Trainer, Vec<EpochReport>)> {
        let (images, _) = self.run.data.load()?;
        let checkpoint = folder.checkpoint()?;
        let mut epochs = Vec::new();
        if let Some(found) = &checkpoint {
            if found.config != config {
                bail!(
                    "{} holds a run with another configuration; give another --run, or remove it to start again (the demo: \
                     --fresh)",
                    self.run.run.display()
                );
            }
            epochs = folder.epochs(found.step)?;
            say(&format!("going on after epoch {}", epochs.len()));
        }
        let preprocessing = self.run.data.dataset().preprocessing();
        Ok((Trainer::new(config, checkpoint, &images, &preprocessing, device)?, epochs))
    }
}

fn train_epoch(trainer: &mut Trainer) -> Result<EpochReport> {
    let label = format!("epoch {}", trainer.epochs_done() + 1);
    let bar = bar(trainer.steps_per_epoch(), &label);
    let report = trainer.epoch(|loss| {
        bar.inc(1);
        bar.set_message(format!("loss {loss:.3}"));
    })?;
    bar.finish_and_clear();
    let probes: Vec<String> =
        report.probes.iter().map(|probe| format!("{} {:.2} %", probe.name, probe.held_out.percent())).collect();
    say(&format!("{label}: {}, {:.0} CPU-seconds so far", probes.join(", "), report.cpu_s));
    Ok(report)
}
