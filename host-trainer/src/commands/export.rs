//! `export`: children as files of their own.

use super::{bar, print};
use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};
use nestling::engine::{EngineOptions, Supernet};
use nestling::gpu::{Context, ContextOptions};
use nestling_bundle::Bundle;
use nestling_bundle::atomic_file::write_atomically;
use nestling_pictures::Picture;
use nestling_train::export::{Format, export};
use nestling_train::golden::{GoldenInput, golden};
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
    /// With --golden: also this JPEG or PNG (NAME.PICTURE.input.f32, ...); may be repeated
    #[arg(long = "picture", requires = "golden")]
    pictures: Vec<PathBuf>,
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
            if all { (0..bundle.children().len()).collect() } else { vec![bundle.child(&self.child)?.index] };
        if all && let Some(folder) = &self.output {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make folder {}", folder.display()))?;
        }
        let pictures: Vec<Picture> = self.pictures.iter().map(Picture::open).collect::<Result<_, _>>()?;
        let device = if self.golden {
            let context = Context::new(&ContextOptions::default())?;
            let preprocessing = &bundle.manifest().preprocessing;
            let mut options = EngineOptions::default();
            let fraction = bundle.manifest().preprocessing.centre_fraction;
            for picture in &pictures {
                options.largest_image_side = options.largest_image_side.max(picture.image().crop(fraction).side);
            }
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
                let mut inputs = vec![(None, golden(&bundle, supernet, parameters, index, GoldenInput::Noise(1))?)];
                for (path, picture) in self.pictures.iter().zip(&pictures) {
                    let image = picture.image();
                    let vectors = golden(&bundle, supernet, parameters, index, GoldenInput::Picture(&image))?;
                    inputs.push((path.file_stem().map(|stem| stem.to_string_lossy().into_owned()), vectors));
                }
                let mut written = Vec::new();
                for (picture, vectors) in inputs {
                    let mut one = json!({ "picture": picture });
                    for (part, values) in
                        [("input", &vectors.input), ("trainer", &vectors.trainer), ("device", &vectors.device)]
                    {
                        let words = picture.iter().map(String::as_str).chain([part, "f32"]).collect::<Vec<_>>();
                        let path = path.with_extension(words.join("."));
                        write_floats(&path, values)?;
                        one[part] = json!(path);
                    }
                    written.push(one);
                }
                document["golden"] = json!(written);
                document["adapter"] = json!(supernet.context().facts().to_string());
            }
            files.push(document);
            bar.inc(1);
        }
        bar.finish_and_clear();
        print(self.json, &json!({"bundle": self.bundle, "format": format.extension(), "files": files}), || {
            (files.iter())
                .map(|file| format!("wrote {} ({} bytes)\n", file["path"].as_str().unwrap_or(""), file["bytes"]))
                .collect()
        })
    }
}
