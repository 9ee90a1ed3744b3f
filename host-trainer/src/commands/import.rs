//! `import`: weights that somebody else trained, as a child of a supernet.

use super::init::{labels, named};
use super::{bar, print};
use anyhow::{Context, Result, ensure};
use clap::Args;
use nestling_bundle::{BundleContents, Manifest, Trained};
use nestling_core::metrics::Top1;
use nestling_core::space::ChildEntry;
use nestling_core::weights::WeightStorage;
use nestling_train::import::{place, read_weights, source_model};
use nestling_train::model::Parameters;
use nestling_train::torch;
use nestling_train::untrained::untrained_children;
use serde_json::json;
use std::path::PathBuf;

/// Places the weights of a published network into the slice of a supernet that they belong to, and writes a bundle.
///
/// The network becomes a child, batch-norm statistics included. The rest of the supernet is initialised and marked
/// untrained: a device refuses to answer with children that need it unless asked.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  nestling import --model efficientnet-lite0 --weights efficientnet-lite0-57934424.pth \
                        --output lite0.nestling"
)]
pub struct Import {
    /// Which network the weights are of
    #[arg(long, default_value = "efficientnet-lite0")]
    model: String,
    /// The weights: `.pth` or `.safetensors`, told apart by content; nothing in the file is executed
    #[arg(long)]
    weights: PathBuf,
    /// File with one label a line, one for each class
    #[arg(long)]
    labels: Option<PathBuf>,
    /// Name of the child that the weights become [default: the end of the model's name]
    #[arg(long)]
    name: Option<String>,
    /// Untrained children that ship too: `smallest`, `biggest`, `random:COUNT`, or a child's text; may be repeated
    #[arg(long = "child", default_values = ["smallest", "biggest"])]
    children: Vec<String>,
    /// Share of the shorter side that the centred square keeps [default: 1; ImageNet evaluations keep 0.875]
    #[arg(long)]
    centre_fraction: Option<f32>,
    /// How the file stores the weights: f32, f16 or int8; a device does the same by default
    #[arg(long, value_name = "STORAGE", default_value_t = WeightStorage::F32)]
    weight_storage: WeightStorage,
    /// Seed of the weights that are not imported
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// File to write
    #[arg(long)]
    output: PathBuf,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

impl Import {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        torch::initialise();
        let model = source_model(&self.model)?;
        let tensors = read_weights(&self.weights)?;
        let space = model.space();
        let rest = Parameters::initial_values(&space, self.seed);
        let imported = place(model, &tensors, rest)
            .with_context(|| format!("cannot import {} as {}", self.weights.display(), model.name()))?;
        let mut preprocessing = model.preprocessing();
        preprocessing.centre_fraction = self.centre_fraction.unwrap_or(preprocessing.centre_fraction);
        ensure!(preprocessing.fits(space.input_channels), "--centre-fraction must be above 0 and at most 1");
        let labels = labels(self.labels.as_deref(), space.classes)?;
        let short = model.name().rsplit('-').next().unwrap_or(model.name());
        let name = self.name.clone().unwrap_or_else(|| short.to_owned());

        let others = named(&space, &self.children, self.seed)?;
        ensure!(others.iter().all(|(other, _)| *other != name), "--name {name} is another child's: choose another");
        let bar = bar(others.len() as u64, "calibrate");
        let weights = self.weight_storage.round(&space.layout(), &imported.weights)?;
        let mut shipped = untrained_children(&space, &weights, &others, self.seed, || bar.inc(1))?;
        bar.finish_and_clear();
        let (child, unknown) = (model.child(), Top1 { correct: 0, images: 0 });
        let cost = space.lower(&child)?.cost();
        let entry = ChildEntry { name: name.clone(), child: child.clone(), cost, held_out: unknown, test: unknown };
        shipped.push((entry, imported.child));
        shipped.sort_by_key(|(entry, _)| entry.cost.madds);
        let (entries, calibrated): (Vec<_>, Vec<_>) = shipped.into_iter().unzip();
        let file = self.weights.file_name().map_or_else(String::new, |file| file.to_string_lossy().into_owned());
        let manifest = Manifest {
            name: space.name.clone(),
            provenance: format!(
                "nestling {}; {} from {file}; the rest is untrained",
                env!("CARGO_PKG_VERSION"),
                model.name()
            ),
            space,
            preprocessing,
            labels,
            children: entries,
            latency_tables: Vec::new(),
            trained: Trained::Only(vec![child.clone()]),
            weight_storage: self.weight_storage,
            accuracy_predictor: None,
            images: None,
        };
        let contents = BundleContents { manifest: &manifest, weights: &weights, children: &calibrated, images: &[] };
        contents.write(&self.output)?;
        let bytes = std::fs::metadata(&self.output)?.len();
        let document = json!({
            "path": self.output,
            "bytes": bytes,
            "weight_storage": self.weight_storage,
            "model": model.name(),
            "name": name,
            "child": child.to_string(),
            "placed": imported.placed,
            "parameters": imported.weights.len(),
            "cost": cost,
            "children": manifest.children,
        });
        print(self.json, &document, || {
            format!(
                "{} parameters of {} placed as child `{name}` ({child}) of {} shared ones\nwrote {} ({:.1} MB); next: \
                 nestling-device run {} PHOTOGRAPH",
                imported.placed,
                model.name(),
                imported.weights.len(),
                self.output.display(),
                bytes as f64 / 1e6,
                self.output.display()
            )
        })
    }
}
