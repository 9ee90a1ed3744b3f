//! Arguments of the commands that write a bundle without a training: labels, storage, and children by their texts.

use super::new_file::ReplaceArgument;
use anyhow::{Context, Result, ensure};
use clap::Args;
use nestling_core::space::{Child, ValidatedSpace};
use nestling_core::weights::WeightStorage;
use nestling_train::label_file::read_labels;
use rand::SeedableRng;
use std::path::{Path, PathBuf};

/// The file to write.
#[derive(Args, Debug)]
pub struct NewBundleArguments {
    /// File with one label a line, one for each class
    #[arg(long)]
    labels: Option<PathBuf>,
    /// How the file stores the weights: f32, f16 or int8; a device does the same by default
    #[arg(long, value_name = "STORAGE", default_value_t = WeightStorage::F32)]
    pub weight_storage: WeightStorage,
    /// File to write
    #[arg(long)]
    pub output: PathBuf,
    #[command(flatten)]
    pub replace: ReplaceArgument,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub json: bool,
}

impl NewBundleArguments {
    /// The files that are read: those of the command itself, and the labels.
    pub fn inputs(&self, own: &Path) -> Vec<PathBuf> {
        self.labels.iter().cloned().chain([own.to_owned()]).collect()
    }

    /// The labels of the file; `class 0` and so on without a file.
    pub fn labels(&self, classes: u32) -> Result<Vec<String>> {
        let Some(path) = &self.labels else {
            return Ok((0..classes).map(|class| format!("class {class}")).collect());
        };
        Ok(read_labels(path, classes)?)
    }
}

/// Reads a child: `random`, drawn with `seed`, or a text that the space reads.
pub fn parse_child(space: &ValidatedSpace, text: &str, seed: u64) -> Result<Child> {
    if text.trim() == "random" {
        return Ok(space.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed)));
    }
    Ok(space.parse_child(text)?)
}

/// Most random children. Each takes a forward pass here, and a slot on the device.
const MAX_RANDOM: u64 = 1000;

/// Reads and names children: `smallest`, `biggest`, `random-1`, or `child-3` for the third text.
pub fn parse_children(space: &ValidatedSpace, texts: &[String], seed: u64) -> Result<Vec<(String, Child)>> {
    let mut children = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        if let Some(count) = text.strip_prefix("random:") {
            let count: u64 = count.parse().with_context(|| format!("`{text}`: write `random:10`"))?;
            ensure!((1..=MAX_RANDOM).contains(&count), "`{text}`: from 1 to {MAX_RANDOM} random children");
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
