//! `import`: published weights, as a child of a supernet.

use super::new_bundle::{NewBundleArguments, parse_children};
use super::new_file::latency_tables;
use super::{bar, print, reserve, say, shown};
use anyhow::{Context, Result, ensure};
use clap::Args;
use nestling_bundle::atomic_file::check_bundle_output;
use nestling_core::image::Preprocessing;
use nestling_core::names::{check_name, printable};
use nestling_train::import::{Imported, SourceModel, place, read_state_dict, source_model};
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
///
/// Names of efficientnet_pytorch and of timm are read, with the prefixes that wrappers add, also from checkpoints of
/// training scripts. The classifier may have another number of classes. Notes say what was stripped or replaced.
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
    /// Means of the training images, one number or one for each channel, white being 1 [default: the file's own or the
    /// model's usual ones]
    #[arg(long, value_name = "MEANS", value_delimiter = ',', requires = "standard_deviations")]
    means: Vec<f32>,
    /// Standard deviations of the training images, as --means
    #[arg(long = "std", value_name = "DEVIATIONS", value_delimiter = ',', requires = "means")]
    standard_deviations: Vec<f32>,
    /// Key of the weights in a checkpoint that holds several [default: averaged weights, such as `state_dict_ema`,
    /// before others]
    #[arg(long, value_name = "KEY")]
    state_dict: Option<String>,
    /// Seed of the weights that are not imported
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    bundle: NewBundleArguments,
}

impl Import {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        reserve(&self.bundle.output, self.bundle.json);
        torch::initialise();
        let model = source_model(&self.model)?;
        self.name.as_deref().map_or(Ok(()), check_name)?;
        let inputs = self.bundle.inputs(&self.weights);
        check_bundle_output(&self.bundle.output, inputs.iter().map(PathBuf::as_path))?;
        let state = read_state_dict(&self.weights, self.state_dict.as_deref())?;
        let imported = place(model, &state, |space| Parameters::initial_values(space, self.seed))
            .with_context(|| format!("cannot import {} as {}", self.weights.display(), model.name()))?;
        let notes: Vec<String> = imported.notes.iter().map(ToString::to_string).collect();
        notes.iter().for_each(|note| say(&format!("note: {note}")));
        let options = self.options(model, &imported)?;
        let mut file = self.bundle.replace.claim(&self.bundle.output, &inputs, "nestling import", |older| {
            holds_weights(older, &imported.space, &imported.weights)
        })?;
        let options = ImportedOptions { latency_tables: latency_tables(&mut file, &imported.space), ..options };
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
            "notes": notes,
            "name": name,
            "child": child.to_string(),
            "placed": placed,
            "parameters": parameters,
            "cost": written.children().iter().find(|entry| entry.name == name).map(|entry| entry.cost),
            "children": written.children(),
        });
        print(self.bundle.json, &document, || {
            let path = self.bundle.output.display();
            format!(
                "{placed} parameters of {} placed as child `{name}` ({child}) of {parameters} shared ones\nwrote {path} \
                 ({:.1} MB); next: nestling-device run {path} PHOTOGRAPH",
                model.name(),
                written.file_bytes() as f64 / 1e6,
            )
        })
    }

    fn options(&self, model: &dyn SourceModel, imported: &Imported) -> Result<ImportedOptions> {
        let space = &imported.space;
        let short = model.name().rsplit('-').next().unwrap_or(model.name());
        let name = self.name.clone().unwrap_or_else(|| short.to_owned());
        let others = parse_children(space, &self.children, self.seed)?;
        ensure!(others.iter().all(|(other, _)| *other != name), "--name {name} is another child's: choose another");
        Ok(ImportedOptions {
            name,
            others,
            labels: self.bundle.labels(space.classes)?,
            preprocessing: self.preprocessing(imported)?,
            seed: self.seed,
            weight_storage: self.bundle.weight_storage,
            source: self
                .weights
                .file_name()
                .map_or_else(String::new, |file| printable(&file.to_string_lossy()).into_owned()),
            latency_tables: Vec::new(),
        })
    }

    /// The normalisation of the flags, or else that of the file or of the model.
    fn preprocessing(&self, imported: &Imported) -> Result<Preprocessing> {
        let channels = imported.space.input_channels;
        let each = |values: &[f32]| match values {
            [one] => vec![*one; channels as usize],
            several => several.to_vec(),
        };
        let mut preprocessing = imported.preprocessing.clone();
        preprocessing.centre_fraction = self.centre_fraction.unwrap_or(preprocessing.centre_fraction);
        ensure!(preprocessing.fits(channels), "--centre-fraction must be above 0 and at most 1");
        if !self.means.is_empty() {
            preprocessing.means = each(&self.means);
            preprocessing.standard_deviations = each(&self.standard_deviations);
            let most =
                self.means.iter().chain(&self.standard_deviations).fold(0.0, |most: f32, value| most.max(*value));
            ensure!(most <= 2.0, "--means and --std are for white being 1: divide them by 255");
            ensure!(
                preprocessing.fits(channels),
                "--means and --std take one number or {channels}, deviations above 0"
            );
        }
        Ok(preprocessing)
    }
}
