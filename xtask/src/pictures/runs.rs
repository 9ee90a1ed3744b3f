//! The trainings of `cargo xtask pictures`, all on the same pictures and from the same weights.

use crate::programs::{Programs, json, write_text};
use crate::values::{list, number};
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// Input sizes of the space, in pixels: a processor trains at 128 pixels three times faster than at 224.
pub const RESOLUTIONS: &str = "96,112,128";

/// Passes over the training pictures of a network that is trained alone.
pub const ALONE_EPOCHS: u32 = 5;

/// Passes of the supernet: about the processor time of four networks that are trained alone.
pub const SUPERNET_EPOCHS: u32 = 6;

/// One training of a seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Training {
    /// The supernet, from trained weights.
    Supernet,
    /// The same with as many epochs as the networks alone.
    EqualEpochs,
    /// Its biggest child alone, from the same weights.
    BiggestAlone,
    /// Its smallest child alone, from the same weights.
    SmallestAlone,
    /// The supernet from random values.
    Scratch,
    /// The supernet at equal epochs with one change.
    Variant(Variant),
}

/// A change of the supernet's recipe, tried on one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variant {
    pub name: &'static str,
    /// Keys of the recipe.
    keys: &'static str,
}

/// The changes that are tried.
pub const VARIANTS: [Variant; 5] = [
    Variant { name: "no-head-phase", keys: "head_epochs = 0" },
    Variant { name: "join-later", keys: "join_epochs = 2.0" },
    Variant { name: "warmer-body", keys: "body_rate = 0.3" },
    Variant { name: "two-random-children", keys: "random_children = 2" },
    Variant { name: "alpha-divergence", keys: "distillation = \"alpha_divergence\"" },
];

/// Trainings from random values need a hot rate for all weights, and have no features for a head alone.
const SCRATCH_KEYS: &str = "body_rate = 1.0\nhead_epochs = 0";

impl Training {
    /// The trainings of each seed, in the order in which they run: the last needs the first's search space.
    pub const ALL: [Self; 4] = [Self::Supernet, Self::BiggestAlone, Self::SmallestAlone, Self::Scratch];

    /// The name of its folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Supernet => "supernet",
            Self::EqualEpochs => "equal-epochs",
            Self::BiggestAlone => "biggest-alone",
            Self::SmallestAlone => "smallest-alone",
            Self::Scratch => "scratch",
            Self::Variant(variant) => variant.name,
        }
    }

    fn epochs(self) -> u32 {
        match self {
            Self::Supernet => SUPERNET_EPOCHS,
            Self::EqualEpochs | Self::BiggestAlone | Self::SmallestAlone | Self::Scratch | Self::Variant(_) => {
                ALONE_EPOCHS
            }
        }
    }

    /// The one child that it trains.
    fn only(self) -> Option<&'static str> {
        match self {
            Self::BiggestAlone => Some("biggest"),
            Self::SmallestAlone => Some("smallest"),
            Self::Supernet | Self::EqualEpochs | Self::Scratch | Self::Variant(_) => None,
        }
    }
}

/// Pictures, weights and folders of all trainings.
pub struct Experiment {
    pub programs: Programs,
    pub folder: PathBuf,
    pub pictures: PathBuf,
    /// The bundle of published weights.
    pub weights: String,
}

impl Experiment {
    /// The folder of one training.
    pub fn run_folder(&self, training: Training, seed: u32) -> PathBuf {
        self.folder.join(format!("seed-{seed}")).join(training.name())
    }

    /// The flags that choose the pictures of a seed. Each seed has its own test pictures.
    pub fn data(&self, seed: u32) -> [String; 8] {
        let pictures = self.pictures.to_string_lossy().into_owned();
        let cache = self.folder.join("cache").to_string_lossy().into_owned();
        let seed = seed.to_string();
        ["--data", &pictures, "--fit", "pad", "--cache", &cache, "--split-seed", &seed].map(str::to_owned)
    }

    /// A command of the trainer on a run.
    pub fn on_run(&self, command: &str, training: Training, seed: u32) -> Command {
        let run = self.run_folder(training, seed);
        let mut program = self.programs.trainer(&[command, "--run", &run.to_string_lossy()]);
        program.args(self.data(seed));
        program
    }

    /// Trains, or goes on where an earlier call was stopped; returns the trainer's document.
    pub fn train(&self, training: Training, seed: u32) -> Result<Value> {
        let run = self.run_folder(training, seed);
        let mut train = self.on_run("train", training, seed);
        train.args(["--seed", &seed.to_string(), "--epochs", &training.epochs().to_string()]);
        if !run.join("checkpoint.safetensors").is_file() {
            self.begin(&mut train, training, seed)?;
        }
        json(train)
    }

    /// Adds the flags that only a new run has.
    fn begin(&self, train: &mut Command, training: Training, seed: u32) -> Result<()> {
        let keys = match training {
            Training::Scratch => Some(format!("{SCRATCH_KEYS}\n{}", self.space(seed)?)),
            Training::Variant(variant) => Some(variant.keys.to_owned()),
            Training::Supernet | Training::EqualEpochs | Training::BiggestAlone | Training::SmallestAlone => None,
        };
        if let Some(keys) = keys {
            let file = self.folder.join(format!("seed-{seed}-{}.toml", training.name()));
            write_text(&file, &keys)?;
            train.arg("--config").arg(file);
        }
        if training != Training::Scratch {
            train.args(["--from", &self.weights, "--resolutions", RESOLUTIONS]);
        }
        if let Some(only) = training.only() {
            train.args(["--only", only]);
        }
        Ok(())
    }

    /// The supernet's search space, as part of a recipe.
    fn space(&self, seed: u32) -> Result<String> {
        let run = self.run_folder(Training::Supernet, seed);
        let mut print = self.programs.trainer(&["train", "--print-config", "--run", &run.to_string_lossy()]);
        let recipe = crate::process::output(&mut print)?;
        let start = recipe.find("[space]").context("the trainer's configuration has no search space")?;
        Ok(recipe[start..].to_owned())
    }

    /// Accuracy in percent of the ends of a run's space on its test pictures, as `[smallest, biggest]`; NaN for a child
    /// that the run does not have. Also writes the run's own report.
    pub fn test(&self, training: Training, seed: u32) -> Result<[f64; 2]> {
        let document = json(self.on_run("report", training, seed))?;
        let children = list(&document["evaluation"]["children"]);
        let top1 = |name: &str| {
            let child = match training.only() {
                // The only child is both ends of its space.
                Some(only) if only == name => children.first(),
                Some(_) => None,
                None => children.iter().find(|child| child["name"] == name),
            };
            child.map_or(f64::NAN, |child| number(&child["test_top1"]))
        };
        Ok(["smallest", "biggest"].map(top1))
    }
}
