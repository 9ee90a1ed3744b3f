//! `init`: a bundle of random weights.

use super::new_bundle::{NewBundleArguments, parse_children};
use super::new_file::latency_tables;
use super::{bar, print, reserve, shown};
use anyhow::Result;
use clap::Args;
use nestling_core::image::{Fit, Preprocessing};
use nestling_train::pack::{UntrainedOptions, pack_untrained};
use nestling_train::space_file::preset_or_file;
use nestling_train::torch;
use serde_json::json;
use std::path::PathBuf;

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
    space: PathBuf,
    /// A child that ships: `smallest`, `biggest`, `random:COUNT`, or a child's text; may be repeated
    #[arg(long = "child", default_values = ["smallest", "biggest"])]
    children: Vec<String>,
    /// Seed of weights and of random children
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    bundle: NewBundleArguments,
}

/// Mean and deviation of ImageNet's pixels, or of no data set in particular for grey images.
fn usual_preprocessing(channels: u32) -> Preprocessing {
    let (means, standard_deviations) = match channels {
        1 => (vec![0.5], vec![0.5]),
        _ => (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]),
    };
    Preprocessing { means, standard_deviations, centre_fraction: 1.0, fit: Fit::Crop }
}

impl Init {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        reserve(&self.bundle.output, self.bundle.json);
        torch::initialise();
        let space = preset_or_file(&self.space)?;
        let children = parse_children(&space, &self.children, self.seed)?;
        let labels = self.bundle.labels(space.classes)?;
        let inputs = self.bundle.inputs(&self.space);
        let mut file = self.bundle.replace.claim(&self.bundle.output, &inputs, "nestling init", |_| false)?;
        let options = UntrainedOptions {
            labels,
            preprocessing: usual_preprocessing(space.input_channels),
            seed: self.seed,
            weight_storage: self.bundle.weight_storage,
            latency_tables: latency_tables(&mut file, &space),
        };
        let bar = bar(children.len() as u64, "calibrate");
        let written = pack_untrained(&space, &children, options, file, || bar.inc(1))?;
        bar.finish_and_clear();
        let parameters = space.layout().len();
        let document = json!({
            "path": shown(&self.bundle.output),
            "bytes": written.file_bytes(),
            "weight_storage": self.bundle.weight_storage,
            "parameters": parameters,
            "children": written.children(),
        });
        print(self.bundle.json, &document, || {
            let path = self.bundle.output.display();
            format!(
                "wrote {path} ({:.1} MB, {:.2} M shared parameters, {} untrained children); next: nestling-device bench \
                 {path}",
                written.file_bytes() as f64 / 1e6,
                parameters as f64 / 1e6,
                written.children().len(),
            )
        })
    }
}
