//! `train`: trains the supernet, or resumes a run.

use super::beginning::{BeginningArguments, NewRun};
use super::dry_run::DryRun;
use super::ranks::RankArguments;
use super::train_text::recipe_text;
use super::train_view::TrainView;
use super::trained_run::RunArguments;
use super::{bar, print, say};
use anyhow::{Context, Result};
use clap::Args;
use nestling_bundle::atomic_file::read_text;
use nestling_train::data::counted;
use nestling_train::ranks::Ranks;
use nestling_train::run_folder::{RunFolder, Saver};
use nestling_train::torch;
use nestling_train::train::Method;
use nestling_train::train::{Beginning, Checkpoint, EpochReport, TrainConfig, Trainer, TrainingData};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tch::Device;

/// Trains a supernet. A run that was killed continues from its last epoch, and ends with the same weights.
///
/// A run that goes on keeps its configuration. It may be given other numbers of --epochs and --workers; the learning rate
/// then follows the schedule of the new number of epochs from the next step on.
#[derive(Args, Debug)]
pub struct Train {
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    beginning: BeginningArguments,
    #[command(flatten)]
    ranks: RankArguments,
    /// TOML file of hyper-parameters; a key that is left out keeps the run's value, in a new run its default
    #[arg(long)]
    config: Option<PathBuf>,
    /// The method: big_nas, universally_slimmable, slimmable, auto_slim or once_for_all [default: as configured]. A new
    /// run of another method than big_nas trains the space's network with the choices that the method has
    #[arg(long, value_name = "NAME")]
    method: Option<Method>,
    /// Passes over the training images
    #[arg(long)]
    epochs: Option<u32>,
    /// Processor threads that share a step, over all processes [default: as configured, at least one a process; on a GPU
    /// one a process]
    #[arg(long)]
    workers: Option<u32>,
    /// Seed of everything random
    #[arg(long)]
    seed: Option<u64>,
    /// Stop after this many epochs; a later run continues
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    stop_after: Option<u32>,
    /// Print the resolved configuration as TOML and stop
    #[arg(long)]
    print_config: bool,
    /// Print the steps, memory and GPU-hours of a new run, and its resolved configuration, and stop. Nothing is written,
    /// and no picture is opened
    #[arg(long, conflicts_with_all = ["print_config", "stop_after"])]
    dry_run: bool,
    /// Images a second that --dry-run counts with [default: 800, the target for one H200, which is not measured]
    #[arg(long, value_name = "N", requires = "dry_run", value_parser = positive)]
    images_per_s: Option<f64>,
}

/// A number above 0.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text.parse().map_err(|_| "it is no number".to_owned())?;
    if number > 0.0 && number.is_finite() { Ok(number) } else { Err("it must be above 0".to_owned()) }
}

/// Most bytes of a configuration.
const MAX_CONFIG_BYTES: u64 = 1 << 20;

impl Train {
    /// Runs the command.
    pub fn run(mut self) -> Result<()> {
        if self.dry_run {
            return self.plan();
        }
        if self.print_config {
            self.run.resolve()?;
            let run = RunFolder::open(&self.run.run).checkpoint()?;
            let config = self.config(run.as_ref(), torch::initialise().device, 1)?;
            let text = toml::to_string(&config)?;
            return print(self.run.json, &config, || text);
        }
        let ranks = std::mem::take(&mut self.ranks);
        ranks.run(|ranks| if ranks.is_first() { self.lead(ranks) } else { self.follow(ranks) })
    }

    /// Trains as any process but the first: it begins with the first one's checkpoint, and writes nothing.
    fn follow(&mut self, ranks: &Arc<Ranks>) -> Result<()> {
        ranks.wait_for_first()?;
        self.run.resolve()?;
        let device = torch::initialise().device;
        let run = Checkpoint::from_bytes(&ranks.copy_of_first(Vec::new())?, Path::new("of rank 0"))?;
        let data = self.run.data.load_for_run(&run)?;
        let (config, beginning) = (run.config.clone(), Beginning::Run(Box::new(run)));
        let mut trainer = Trainer::on_ranks(config, beginning, &TrainingData::from(&data), device, ranks.clone())?;
        train_head(&mut trainer)?;
        while trainer.epochs_done() < self.last_epoch(&trainer) && !trainer.has_ended() {
            trainer.epoch(|_| ())?;
        }
        Ok(())
    }

    /// The epoch after which this process stops.
    fn last_epoch(&self, trainer: &Trainer) -> u32 {
        self.stop_after.unwrap_or(u32::MAX).min(trainer.config().epochs)
    }

    /// Trains as the only process, or the first one, which reads the run, writes its files and shows it.
    fn lead(&mut self, ranks: &Arc<Ranks>) -> Result<()> {
        self.run.resolve()?;
        let choice = torch::initialise();
        let among = if ranks.count() > 1 { format!("{} processes, the first ", ranks.count()) } else { String::new() };
        say(&format!("training {among}on {choice}"));
        let folder = RunFolder::create(
            &self.run.run,
            &[self.run.data.inputs(), self.config.iter().cloned().collect()].concat(),
        )?;
        let _lock = folder.lock("nestling train")?;
        let (mut trainer, mut epochs) = self.start(&folder, choice.device, ranks)?;
        ranks.wait_for_first()?;
        if ranks.count() > 1 {
            ranks.copy_of_first(trainer.checkpoint().to_bytes()?)?;
        }
        train_head(&mut trainer)?;
        let last = self.last_epoch(&trainer);
        train(&mut trainer, &mut epochs, last, &folder)?;
        if let Some(best) = trainer.best().filter(|best| best.epoch < trainer.epochs_done()) {
            say(&format!("the weights of epoch {} ship: no later one was better on validation images", best.epoch));
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

    /// Prints the cost of a new run with these flags.
    fn plan(&self) -> Result<()> {
        let config = self.config(None, torch::initialise().device, 1)?;
        let (config, data) = self.beginning.planned(&self.run.data, config)?;
        let dry_run = DryRun::new(self.beginning.recipe(&self.run.data), config, data, self.images_per_s)?;
        let text = dry_run.text(self.run.data.cache_bytes())?;
        print(self.run.json, &json!({"dry_run": dry_run}), || text)
    }

    /// The configuration: flags before the file, the file before the run that goes on, that before the defaults.
    fn config(&self, run: Option<&Checkpoint>, device: Device, processes: u32) -> Result<TrainConfig> {
        let recipe = || self.beginning.recipe(&self.run.data).config();
        let mut config = run.map_or_else(recipe, |run| run.config.clone());
        if let Some(path) = &self.config {
            config = config_over(&config, path)?;
        }
        config.method = self.method.unwrap_or(config.method);
        // Also where a run goes on: the file may give the space as the method found it when the run began.
        if run.is_none_or(|run| run.config.method == config.method) {
            config = config.method.applied_to(config);
        }
        config.epochs = self.epochs.unwrap_or(config.epochs);
        config.seed = self.seed.unwrap_or(config.seed);
        // A run that goes on keeps its workers: batch norm depends on them.
        let least = if run.is_some() { config.workers } else { config.workers.next_multiple_of(processes) };
        config.workers = self.workers.unwrap_or(if device.is_cuda() { processes } else { least });
        config.validate()?;
        Ok(config)
    }

    /// A new run: keeps its flags, and the outcome of the scan.
    fn begin(&self, folder: &RunFolder, config: TrainConfig) -> Result<NewRun> {
        let new = self.beginning.start(&self.run.data, config)?;
        let recipe = self.beginning.recipe(&self.run.data);
        say(&recipe_text(recipe, &new.config));
        let mut flags = self.beginning.given();
        flags.insert("--recipe".to_owned(), recipe.to_string());
        flags.extend(self.run.data.begun()?);
        folder.save_begun(&flags)?;
        if let Some(scan) = &new.data.scan {
            let file = folder.save_scan(scan)?;
            if !scan.faults.is_empty() {
                say(&format!("{} lists {}", file.display(), counted(scan.faults.len(), "remark")));
            }
        }
        Ok(new)
    }

    /// A trainer at the start, or where the run in `folder` stopped, with the epochs that are done.
    fn start(&self, folder: &RunFolder, device: Device, ranks: &Arc<Ranks>) -> Result<(Trainer, Vec<EpochReport>)> {
        let checkpoint = folder.checkpoint()?;
        let config = self.config(checkpoint.as_ref(), device, ranks.count())?;
        let step = checkpoint.as_ref().map(|found| found.step);
        let NewRun { config, beginning, data } = match checkpoint {
            Some(run) => {
                self.beginning.check_same(&folder.begun()?, &self.run.run)?;
                let data = self.run.data.load_for_run(&run)?;
                NewRun { config, beginning: Beginning::Run(Box::new(run)), data }
            }
            None => self.begin(folder, config)?,
        };
        let trainer = Trainer::on_ranks(config, beginning, &TrainingData::from(&data), device, ranks.clone())?;
        let epochs = step.map(|step| folder.epochs(step)).transpose()?.unwrap_or_default();
        if step.is_some() {
            say(&format!("going on after epoch {}", trainer.epochs_done()));
        }
        trainer.changes().iter().for_each(|change| say(&format!("note: {change}")));
        Ok((trainer, epochs))
    }
}

/// A configuration with the keys of a TOML file in the place of its own.
pub(super) fn config_over(config: &TrainConfig, path: &Path) -> Result<TrainConfig> {
    let text = read_text(path, MAX_CONFIG_BYTES).with_context(|| format!("cannot read {}", path.display()))?;
    let wrong = || format!("{} is not a training configuration", path.display());
    // Alone first: only then a fault has its place in the file.
    toml::from_str::<TrainConfig>(&text).with_context(wrong)?;
    over(config, &text).with_context(wrong)
}

/// A configuration with the keys of a TOML text in the place of its own.
fn over(config: &TrainConfig, text: &str) -> Result<TrainConfig> {
    let mut table = toml::Table::try_from(config)?;
    for (key, value) in text.parse::<toml::Table>()? {
        match (table.get_mut(&key), value) {
            // Its keys may be left out one by one; a space is given as a whole.
            (Some(toml::Value::Table(known)), toml::Value::Table(given)) if key == "augmentation" => {
                known.extend(given)
            }
            (_, value) => drop(table.insert(key, value)),
        }
    }
    Ok(table.try_into()?)
}

/// The epochs up to the last; each is saved while the next one runs.
fn train(trainer: &mut Trainer, epochs: &mut Vec<EpochReport>, last: u32, folder: &RunFolder) -> Result<()> {
    let (mut view, mut saver) = (TrainView::new(trainer, last, folder), Saver::new(folder));
    view.show_probes(epochs);
    while trainer.epochs_done() < last && !trainer.has_ended() {
        epochs.push(view.train_epoch(trainer)?);
        view.show_probes(epochs);
        saver.save(trainer.checkpoint(), epochs)?;
    }
    saver.finish()?;
    view.finish();
    Ok(())
}

/// The classifier's own epochs, at the beginning of a run that has them.
fn train_head(trainer: &mut Trainer) -> Result<()> {
    if trainer.head_steps() == 0 {
        return Ok(());
    }
    let bar = bar(trainer.head_steps(), "classifier alone");
    trainer.train_head(|loss| {
        bar.inc(1);
        bar.set_message(format!("loss {loss:.3}"));
    })?;
    bar.finish_and_clear();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_train::data::{Policy, RandAugment};

    #[test]
    fn a_file_changes_its_own_keys_only() {
        let run = TrainConfig { seed: 5, learning_rate: 0.3, ..TrainConfig::default() };
        let mut expected = TrainConfig { epochs: 7, ..run.clone() };
        expected.augmentation.shift = 3;
        assert_eq!(over(&run, "epochs = 7\naugmentation = { shift = 3 }").unwrap(), expected);
        assert_eq!(over(&run, "").unwrap(), run);
        // A policy by its name, and by its numbers.
        for text in ["policy = \"rand_augment\"", "policy.rand_augment = { magnitude = 9.0 }"] {
            let config = over(&run, &format!("[augmentation]\n{text}")).unwrap();
            assert_eq!(config.augmentation.policy, Policy::RandAugment(RandAugment::default()));
            assert_eq!(over(&run, &toml::to_string(&config).unwrap()).unwrap(), config);
        }
        let wrong = over(&run, "[augmentation]\npolicy = \"rand\"").unwrap_err().to_string();
        assert!(wrong.contains("rand_augment or trivial_augment"), "{wrong}");
    }
}
