//! `export`: children as files of their own.

use super::{bar, print};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use nestling_bundle::Bundle;
use nestling_bundle::atomic_file::write_atomically;
use nestling_core::image::Image;
use nestling_pictures::Picture;
use nestling_train::export::{Format, export};
use nestling_train::parity::{GoldenInput, GoldenMaker};
use nestling_train::torch;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

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
    /// Also write a random input and the answers of trainer and device, as raw little-endian f32 (NAME.input.f32,
    /// NAME.trainer.f32, NAME.device.f32), to check a conversion
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

impl FormatName {
    fn format(self) -> Format {
        match self {
            Self::Onnx => Format::Onnx,
            Self::Safetensors => Format::Safetensors,
        }
    }
}

impl Export {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        torch::initialise();
        let bundle = Bundle::open(&self.bundle).with_context(|| format!("cannot use {}", self.bundle.display()))?;
        let all = self.child == "all";
        let indices: Vec<usize> =
            if all { (0..bundle.children().len()).collect() } else { vec![bundle.child(&self.child)?.index] };
        if all && let Some(folder) = &self.output {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make folder {}", folder.display()))?;
        }
        let pictures: Vec<Picture> = self.pictures.iter().map(Picture::open).collect::<Result<_, _>>()?;
        let images: Vec<Image<'_>> = pictures.iter().map(Picture::image).collect();
        let golden = if self.golden { Some(GoldenMaker::open(&bundle, &images)?) } else { None };
        let bar = bar(indices.len() as u64, "export");
        let mut files: Vec<Value> = Vec::new();
        for index in indices {
            let (path, mut document) = self.export(&bundle, index, all)?;
            if let Some(golden) = &golden {
                document["golden"] = self.write_golden(golden, index, &path, &images)?;
                document["adapter"] = json!(golden.adapter());
            }
            files.push(document);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let format = self.format.format().extension();
        print(self.json, &json!({"bundle": self.bundle, "format": format, "files": files}), || {
            (files.iter())
                .map(|file| format!("wrote {} ({} bytes)\n", file["path"].as_str().unwrap_or(""), file["bytes"]))
                .collect()
        })
    }

    /// Writes one child; returns its path and its part of the JSON document.
    fn export(&self, bundle: &Bundle, index: usize, all: bool) -> Result<(PathBuf, Value)> {
        let (entry, format) = (&bundle.children()[index], self.format.format());
        let file = format!("{}.{}", entry.name, format.extension());
        let path = match &self.output {
            Some(output) if all => output.join(file),
            Some(output) => output.clone(),
            None => PathBuf::from(file),
        };
        export(bundle, index, format, &path)?;
        let input = bundle.networks()[index].input;
        let document = json!({
            "name": entry.name,
            "child": entry.child.to_string(),
            "path": path,
            "bytes": std::fs::metadata(&path)?.len(),
            "input": [1, input.channels, input.height, input.width],
            "classes": bundle.space().classes,
        });
        Ok((path, document))
    }

    /// Writes the golden vectors of one child, for noise and for each picture, beside the child's file.
    fn write_golden(&self, maker: &GoldenMaker<'_>, index: usize, child: &Path, images: &[Image<'_>]) -> Result<Value> {
        let mut inputs = vec![(None, GoldenInput::Noise(1))];
        for (path, image) in self.pictures.iter().zip(images) {
            let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            inputs.push((stem, GoldenInput::Picture(image)));
        }
        let mut written = Vec::new();
        for (picture, input) in inputs {
            let vectors = maker.make(index, input)?;
            let mut document = json!({ "picture": picture });
            for (part, values) in
                [("input", &vectors.input), ("trainer", &vectors.trainer), ("device", &vectors.device)]
            {
                let words = picture.iter().map(String::as_str).chain([part, "f32"]).collect::<Vec<_>>();
                let path = child.with_extension(words.join("."));
                write_floats(&path, values)?;
                document[part] = json!(path);
            }
            written.push(document);
        }
        Ok(json!(written))
    }
}

fn write_floats(path: &Path, values: &[f32]) -> Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Ok(write_atomically(path, |file| file.write_all(&bytes))?)
}
