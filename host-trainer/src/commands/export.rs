//! `export`: children as files of their own.

use super::{bar, print};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use nestling::atomic_file::write_atomically;
use nestling::bundle::Bundle;
use nestling::engine::{EngineOptions, Supernet};
use nestling::gpu::{Context, ContextOptions};
use nestling_train::export::{Format, export};
use nestling_train::golden::golden;
use nestling_train::model::Parameters;
use nestling_train::torch;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use tch::Device;

/// Writes a shipped child as a file of its own: ONNX with batch norm folded in, or safetensors with everything by name.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  nestling export my.nestling --child pareto-3 --output pareto-3.onnx\n  nestling export \
                        my.nestling --child all --output folder --golden"
)]
pub struct Export {
    /// Bundle to take the child from
    bundle: PathBuf,
    /// Name of a shipped child, or `all`
    #[arg(long)]
    child: String,
    /// Format of the file
    #[arg(long, value_enum, default_value_t = FormatName::Onnx)]
    format: FormatName,
    /// File to write; a folder for `all` [default: NAME.FORMAT]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Also write a random input, and what trainer and device answer, as raw little-endian f32 (NAME.input.f32,
    /// NAME.trainer.f32, NAME.device.f32): to check a conversion
    #[arg(long)]
    golden: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FormatName {
    Onnx,
    Safetensors,
}

fn write_floats(path: &Path, values: &[f32]) -> Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(write_atomically(path, |file| file.write_all(&bytes))?)
}

impl Export {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        torch::initialise();
        let bundle = Bundle::open(&self.bundle).with_context(|| format!("cannot use {}", self.bundle.display()))?;
        let format = match self.format {
            FormatName::Onnx => Format::Onnx,
            FormatName::Safetensors => Format::Safetensors,
        };
        let all = self.child == "all";
        let indices: Vec<usize> =
            if all { (0..bundle.children().len()).collect() } else { vec![bundle.child_index(&self.child)?] };
        if all && let Some(folder) = &self.output {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make folder {}", folder.display()))?;
        }
        let device = if self.golden {
            let context = Context::new(&ContextOptions::default())?;
            let preprocessing = &bundle.manifest().preprocessing;
            let options = EngineOptions::default();
            let supernet = Supernet::load(&context, bundle.space(), bundle.weights(), preprocessing, &options)?;
            Some((supernet, Parameters::from_values(bundle.space(), bundle.weights(), Device::Cpu)))
        } else {
            None
        };
        let bar = bar(indices.len() as u64, "export");
        let mut files: Vec<Value> = Vec::new();
        for index in indices {
            let entry = &bundle.children()[index];
            let file = format!("{}.{}", entry.name, format.extension());
            let path = match &self.output {
                Some(output) if all => output.join(file),
                Some(output) => output.clone(),
                None => PathBuf::from(file),
            };
            export(&bundle, index, format, &path)?;
            let input = bundle.networks()[index].input;
            let mut document = json!({
                "name": entry.name,
                "child": entry.child.to_string(),
                "path": path,
                "bytes": std::fs::metadata(&path)?.len(),
                "input": [1, input.channels, input.height, input.width],
                "classes": bundle.space().classes,
            });
            if let Some((supernet, parameters)) = &device {
                let vectors = golden(&bundle, supernet, parameters, index, 1)?;
                for (part, values) in
                    [("input", &vectors.input), ("trainer", &vectors.trainer), ("device", &vectors.device)]
                {
                    let path = path.with_extension(format!("{part}.f32"));
                    write_floats(&path, values)?;
                    document["golden"][part] = json!(path);
                }
                document["golden"]["adapter"] = json!(supernet.context().facts().to_string());
            }
            files.push(document);
            bar.inc(1);
        }
        bar.finish_and_clear();
        print(self.json, &json!({"format": format.extension(), "files": files}), || {
            (files.iter())
                .map(|file| format!("wrote {} ({} bytes)\n", file["path"].as_str().unwrap_or(""), file["bytes"]))
                .collect()
        })
    }
}
