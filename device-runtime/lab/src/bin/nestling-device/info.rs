use crate::device;
use crate::output::{Report, columns, row};
use crate::words::in_flags;
use anyhow::Result;
use nestling::low_level::{chosen_adapter, weight_bytes};
use nestling::{AdapterInfo, list_adapters};
use nestling_core::names::printable;
use nestling_core::space::{ChildEntry, SearchSpace};
use nestling_core::weights::WeightStorage;
use serde::Serialize;
use std::io::{self, Write};
use std::path::PathBuf;

/// Lists the adapters, and the contents of a bundle.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  nestling-device info fashion.nestling")]
pub struct Options {
    /// A bundle to describe.
    bundle: Option<PathBuf>,
}

/// Labels that people are shown, at most.
const SHOWN_LABELS: usize = 12;

#[derive(Serialize)]
pub struct Info {
    adapters: Vec<AdapterInfo>,
    /// The flags that name one of them by its index.
    #[serde(skip)]
    flags: String,
    /// The reason if there is none.
    #[serde(skip)]
    why_none: Option<String>,
    bundle: Option<BundleInfo>,
}

#[derive(Serialize)]
struct BundleInfo {
    name: String,
    id: String,
    file_bytes: usize,
    provenance: String,
    space: SearchSpace,
    weights: usize,
    weight_storage: WeightStorage,
    /// Bytes of the weights in the file.
    weight_bytes: usize,
    /// The storage that was given, or the bundle's.
    gpu_weight_storage: WeightStorage,
    gpu_weight_bytes: u64,
    labels: Vec<String>,
    children: Vec<Child>,
}

#[derive(Serialize)]
struct Child {
    name: String,
    child: String,
    params: u64,
    madds: u64,
    /// In percent; none if it was not measured.
    top1: Option<f64>,
    held_out_top1: Option<f64>,
    trained: bool,
}

impl Child {
    fn new(entry: &ChildEntry, trained: bool) -> Self {
        Self {
            trained,
            name: entry.name.clone(),
            child: entry.child.to_string(),
            params: entry.cost.params,
            madds: entry.cost.madds.0,
            top1: entry.test.known_percent(),
            held_out_top1: entry.held_out.known_percent(),
        }
    }
}

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Info> {
        let bundle = match &self.bundle {
            None => None,
            Some(path) => {
                let bundle = device::Options::open_bundle(path)?;
                let manifest = bundle.manifest();
                let gpu_weight_storage = device.weight_storage().unwrap_or(manifest.weight_storage);
                Some(BundleInfo {
                    name: manifest.name.clone(),
                    id: bundle.id().to_string(),
                    file_bytes: bundle.file_bytes(),
                    provenance: manifest.provenance.clone(),
                    space: manifest.space.clone(),
                    weights: bundle.layout().len(),
                    weight_storage: manifest.weight_storage,
                    weight_bytes: bundle.weight_bytes(),
                    gpu_weight_storage,
                    gpu_weight_bytes: weight_bytes(bundle.layout(), gpu_weight_storage),
                    labels: manifest.labels.clone(),
                    children: (bundle.children().iter())
                        .map(|entry| Child::new(entry, manifest.trained.covers(&entry.child)))
                        .collect(),
                })
            }
        };
        let context = device.context();
        let adapters = match &context.adapter_name {
            None => list_adapters(&context),
            Some(_) => vec![chosen_adapter(&context)?],
        };
        let why_none = adapters.is_empty().then(|| chosen_adapter(&context).err().map(|error| error.to_string()));
        Ok(Info { adapters, flags: device.flags_for_index(), why_none: why_none.flatten(), bundle })
    }
}

/// The labels, or if there are many, the first of them.
fn labels_in_a_line(labels: &[String]) -> String {
    let count = labels.len();
    match labels.get(..SHOWN_LABELS) {
        Some(shown) if count > SHOWN_LABELS => format!("{count} labels: {}, ...; --json lists all", shown.join(", ")),
        _ => format!("{count} labels: {}", labels.join(", ")),
    }
}

impl Report for Info {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "adapters")?;
        for adapter in &self.adapters {
            match adapter.index {
                Some(index) => writeln!(out, "  {index}: {adapter}")?,
                None => writeln!(out, "  {adapter}")?,
            }
        }
        match &self.why_none {
            Some(why) => writeln!(out, "  none: {}", in_flags(why))?,
            None => writeln!(out, "  choose one with {}", self.flags)?,
        }
        let Some(bundle) = &self.bundle else { return Ok(()) };
        let (name, space, weights) = (&bundle.name, &bundle.space.name, bundle.weights);
        let kilobytes = bundle.file_bytes as f64 / 1e3;
        writeln!(out, "\nbundle {name}: {kilobytes:.0} kB, {weights} weights, search space `{space}`")?;
        let (on_disk, on_gpu) = (bundle.weight_bytes as f64 / 1e3, bundle.gpu_weight_bytes as f64 / 1e3);
        let (file, gpu) = (bundle.weight_storage, bundle.gpu_weight_storage);
        writeln!(out, "  weights {file}, {on_disk:.0} kB of the file; {gpu} on the GPU, {on_gpu:.0} kB")?;
        // A provenance may have lines.
        let (provenance, labels) = (printable(&bundle.provenance), labels_in_a_line(&bundle.labels));
        writeln!(out, "  id {}\n  from {provenance}\n  {labels}\n", bundle.id)?;
        let mut rows = vec![row(["child", "M MAdds", "k params", "top-1 %", "choices"])];
        for child in &bundle.children {
            rows.push(vec![
                child.name.clone(),
                format!("{:.2}", child.madds as f64 / 1e6),
                format!("{:.1}", child.params as f64 / 1e3),
                match child.top1 {
                    _ if !child.trained => "untrained".to_owned(),
                    Some(top1) => format!("{top1:.2}"),
                    None => "unmeasured".to_owned(),
                },
                child.child.clone(),
            ]);
        }
        columns(out, &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_labels_are_a_short_line() {
        let labels = |count: usize| (0..count).map(|index| format!("kind {index}")).collect::<Vec<_>>();
        assert_eq!(labels_in_a_line(&labels(2)), "2 labels: kind 0, kind 1");
        assert!(labels_in_a_line(&labels(12)).ends_with(", kind 11"));
        let line = labels_in_a_line(&labels(1000));
        assert!(
            line.starts_with("1000 labels: kind 0, ") && line.ends_with(", kind 11, ...; --json lists all"),
            "{line}"
        );
    }
}
