//! `init`: a bundle of random weights.

use super::cost::parse_child;
use super::{bar, print};
use anyhow::{Context, Result, ensure};
use clap::Args;
use nestling_core::image::Preprocessing;
use nestling_core::space::{Child, SearchSpace};
use nestling_core::weights::WeightStorage;
use nestling_train::untrained::{Untrained, write_untrained};
use nestling_train::{spaces, torch};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Writes a bundle of random weights, to profile a space on a device before training it.
///
/// Every child in it is marked untrained: a device times it, but refuses to answer with it unless asked.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  nestling init --space table1 --output target/table1.nestling\n  nestling init --space \
                        my.toml --child smallest --child random:10 --output my.nestling"
)]
pub struct Init {
    /// Preset (`nestling spaces` lists them) or TOML file
    #[arg(long)]
    space: String,
    /// What ships: `smallest`, `biggest`, `random:COUNT`, or a child's text; may be repeated
    #[arg(long = "child", default_values = ["smallest", "biggest"])]
    children: Vec<String>,
    /// File with one label a line, one for each class
    #[arg(long)]
    labels: Option<PathBuf>,
    /// How the file stores the weights: f32, f16 or int8; a device does the same by default
    #[arg(long, value_name = "STORAGE", default_value_t = WeightStorage::F32)]
    weight_storage: WeightStorage,
    /// Seed of weights and of random children
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File to write
    #[arg(long)]
    output: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// Mean and deviation of ImageNet's pixels, or of no data set in particular for grey images.
fn usual_preprocessing(channels: u32) -> Preprocessing {
    let (means, standard_deviations) = match channels {
        1 => (vec![0.5], vec![0.5]),
        _ => (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]),
    };
    Preprocessing { means, standard_deviations, centre_fraction: 1.0 }
}

/// One label a line; without a file, `class 0` and so on.
pub fn labels(path: Option<&Path>, classes: u32) -> Result<Vec<String>> {
    let Some(path) = path else {
        return Ok((0..classes).map(|class| format!("class {class}")).collect());
    };
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read labels {}", path.display()))?;
    let labels: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    let count = labels.len();
    ensure!(count == classes as usize, "{} has {count} lines, but there are {classes} classes", path.display());
    Ok(labels)
}

/// Each takes a forward pass, and a slot on the device.
const MAX_RANDOM: u64 = 1000;

/// Names the children asked for: `smallest`, `biggest`, `random-1`, or `child-3` for the third text.
pub fn named(space: &SearchSpace, wanted: &[String], seed: u64) -> Result<Vec<(String, Child)>> {
    let mut children = Vec::new();
    for (index, text) in wanted.iter().enumerate() {
        if let Some(count) = text.strip_prefix("random:") {
            let count: u64 = count.parse().with_context(|| format!("`{text}`: write `random:10`"))?;
            ensure!(count <= MAX_RANDOM, "`{text}`: at most {MAX_RANDOM} random children");
            for number in 1..=count {
                children.push((format!("random-{number}"), parse_child(space, "random", seed + number)?));
            }
            continue;
        }
        let child = parse_child(space, text, seed)?;
        let known = ["smallest", "biggest"].contains(&text.trim());
        children.push((if known { text.trim().to_owned() } else { format!("child-{}", index + 1) }, child));
    }
    for (index, (name, _)) in children.iter().enumerate() {
        ensure!(
            children[..index].iter().all(|(other, _)| other != name),
            "two children would be called `{name}`: ask for each once"
        );
    }
    Ok(children)
}

impl Init {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        torch::initialise();
        let space = spaces::find(&self.space)?;
        let children = named(&space, &self.children, self.seed)?;
        let labels = labels(self.labels.as_deref(), space.classes)?;
        let bar = bar(children.len() as u64, "calibrate");
        let preprocessing = usual_preprocessing(space.input_channels);
        let (seed, weight_storage) = (self.seed, self.weight_storage);
        let untrained = Untrained { labels, preprocessing, seed, weight_storage };
        let manifest = write_untrained(&space, &children, untrained, &self.output, || bar.inc(1))?;
        bar.finish_and_clear();
        let bytes = std::fs::metadata(&self.output)?.len();
        let document = json!({
            "path": self.output,
            "bytes": bytes,
            "weight_storage": weight_storage,
            "parameters": space.layout().len(),
            "children": manifest.children,
        });
        print(self.json, &document, || {
            format!(
                "wrote {} ({:.1} MB, {:.2} M shared parameters, {} untrained children); next: nestling-device bench {}",
                self.output.display(),
                bytes as f64 / 1e6,
                space.layout().len() as f64 / 1e6,
                manifest.children.len(),
                self.output.display()
            )
        })
    }
}
