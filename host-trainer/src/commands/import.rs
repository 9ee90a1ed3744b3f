//! `import`: published weights, as a child of a supernet.

use super::new_bundle::{NewBundleArguments, parse_children};
use super::new_file::latency_tables;
use super::{bar, print_about, shown};
use anyhow::{Context, Result, ensure};
use clap::Args;
use nestling_bundle::atomic_file::check_outputs;
use nestling_train::import::{SourceModel, place, read_weights, source_model};
use nestling_train::model::Parameters;
use nestling_train::new_file::holds_weights;
use nestling_train::pack::{ImportedOptions, pack_imported};
use nestling_train::torch;
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
    /// The network that the weights belong to
    #[arg(long, default_value = "efficientnet-lite0")]
    model: String,
    /// The weights: `.pth` or `.safetensors`, told apart by content; nothing in the file is executed
    #[arg(long)]
    weights: PathBuf,
    /// Name of the child that the weights become [default: the end of the model's name]
    #[arg(long)]
    name: Option<String>,
    /// Untrained children that ship too: `smallest`, `biggest`, `random:COUNT`, or a child's text; may be repeated
    #[arg(long = "child", default_values = ["smallest", "biggest"])]
    children: Vec<String>,
    /// Share of the shorter side that the centred square keeps [default: 1; ImageNet evaluations keep 0.875]
    #[arg(long)]
    centre_fraction: Option<f32>,
    /// Seed of the weights that are not imported
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    bundle: NewBundleArguments,
}

impl Import {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        torch::initialise();
        let model = source_model(&self.model)?;
        check_outputs([&*self.bundle.output], [&*self.weights])?;
        let tensors = read_weights(&self.weights)?;
        let rest = Parameters::initial_values(&model.space()?, self.seed);
        let imported = place(model, &tensors, rest)
            .with_context(|| format!("cannot import {} as {}", self.weights.display(), model.name()))?;
        let space = model.space()?;
        let mut file =
            self.bundle.replace.claim(&self.bundle.output, &[&self.weights], "nestling import", |older| {
                holds_weights(older, &space, &imported.weights)
            })?;
        let options = ImportedOptions { latency_tables: latency_tables(&mut file, &space), ..self.options(model)? };
        let (name, placed, parameters) = (options.name.clone(), imported.placed, imported.weights.len());
        let child = imported.child.child().clone();
        let bar = bar(options.others.len() as u64, "calibrate");
        let written = pack_imported(model, imported, options, file, || bar.inc(1))?;
        bar.finish_and_clear();
        let document = json!({
            "path": shown(&self.bundle.output),
            "bytes": written.file_bytes(),
            "weight_storage": self.bundle.weight_storage,
            "model": model.name(),
            "name": name,
            "child": child.to_string(),
            "placed": placed,
            "parameters": parameters,
            "cost": written.children().iter().find(|entry| entry.name == name).map(|entry| entry.cost),
            "children": written.children(),
        });
        print_about(&self.bundle.output, self.bundle.json, &document, || {
            let path = self.bundle.output.display();
            format!(
                "{placed} parameters of {} placed as child `{name}` ({child}) of {parameters} shared ones\nwrote {path} \
                 ({:.1} MB); next: nestling-device run {path} PHOTOGRAPH",
                model.name(),
                written.file_bytes() as f64 / 1e6,
            )
        })
    }

    fn options(&self, model: &dyn SourceModel) -> Result<ImportedOptions> {
        let space = model.space()?;
        let mut preprocessing = model.preprocessing();
        preprocessing.centre_fraction = self.centre_fraction.unwrap_or(preprocessing.centre_fraction);
        ensure!(preprocessing.fits(space.input_channels), "--centre-fraction must be above 0 and at most 1");
        let short = model.name().rsplit('-').next().unwrap_or(model.name());
        let name = self.name.clone().unwrap_or_else(|| short.to_owned());
        let others = parse_children(&space, &self.children, self.seed)?;
        ensure!(others.iter().all(|(other, _)| *other != name), "--name {name} is another child's: choose another");
        let source = self.weights.file_name().map_or_else(String::new, |file| file.to_string_lossy().into_owned());
        let labels = self.bundle.labels(space.classes)?;
        let weight_storage = self.bundle.weight_storage;
        let latency_tables = Vec::new();
        let seed = self.seed;
        Ok(ImportedOptions { name, others, labels, preprocessing, seed, weight_storage, source, latency_tables })
    }
}
