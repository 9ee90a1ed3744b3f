//! `export`: children as files of their own.

use super::{bar, open_bundle, print, reserve, shown};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use nestling_bundle::Bundle;
use nestling_bundle::atomic_file::{check_outputs, write_atomically};
use nestling_pictures::{Picture, PictureOptions};
use nestling_train::export::{Format, export};
use nestling_train::parity::{Golden, GoldenInput, GoldenMaker};
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

/// The files of one child.
struct Planned {
    /// Its place in the bundle.
    index: usize,
    path: PathBuf,
    golden: Vec<PlannedGolden>,
}

/// The files of one input of a child.
struct PlannedGolden {
    /// The picture's place among the pictures; none for noise.
    picture: Option<usize>,
    /// The files of the input, of the trainer's answer and of the device's.
    files: [PathBuf; 3],
}

const GOLDEN_PARTS: [&str; 3] = ["input", "trainer", "device"];

impl Export {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        torch::initialise();
        if self.child != "all" {
            self.output.iter().for_each(|output| reserve(output, self.json));
        }
        let bundle = open_bundle(&self.bundle)?;
        let plan = self.plan(&bundle)?;
        let golden = if self.golden { Some(GoldenMaker::open(&bundle, self.largest_side(&bundle)?)?) } else { None };
        let bar = bar(plan.len() as u64, "export");
        let mut files: Vec<Value> = Vec::new();
        for planned in &plan {
            let mut document = self.export(&bundle, planned)?;
            if let Some(golden) = &golden {
                document["golden"] = self.write_golden(golden, planned)?;
                document["adapter"] = json!(golden.adapter());
            }
            files.push(document);
            bar.inc(1);
        }
        bar.finish_and_clear();
        let format = self.format.format().extension();
        let document = json!({ "bundle": shown(&self.bundle), "format": format, "files": files });
        let text = || {
            (files.iter())
                .map(|file| format!("wrote {} ({} bytes)\n", file["path"].as_str().unwrap_or(""), file["bytes"]))
                .collect()
        };
        print(self.json, &document, text)
    }

    /// All files that will be written. Checks that they can be.
    fn plan(&self, bundle: &Bundle) -> Result<Vec<Planned>> {
        let all = self.child == "all";
        let indices: Vec<usize> =
            if all { (0..bundle.children().len()).collect() } else { vec![bundle.child(&self.child)?.index] };
        if all && let Some(folder) = &self.output {
            std::fs::create_dir_all(folder).with_context(|| format!("cannot make folder {}", folder.display()))?;
        }
        let planned = |index: usize| {
            let file = format!("{}.{}", bundle.children()[index].name, self.format.format().extension());
            let path = match &self.output {
                Some(output) if all => output.join(file),
                Some(output) => output.clone(),
                None => PathBuf::from(file),
            };
            let inputs = if self.golden { 1 + self.pictures.len() } else { 0 };
            Planned { index, golden: (0..inputs).map(|input| self.golden_files(&path, input)).collect(), path }
        };
        let plan: Vec<Planned> = indices.into_iter().map(planned).collect();
        let golden = |one: &Planned| one.golden.iter().flat_map(|input| input.files.clone()).collect::<Vec<_>>();
        let outputs: Vec<PathBuf> =
            plan.iter().flat_map(|one| [vec![one.path.clone()], golden(one)].concat()).collect();
        let inputs = self.pictures.iter().chain([&self.bundle]);
        check_outputs(outputs.iter().map(PathBuf::as_path), inputs.map(PathBuf::as_path))?;
        Ok(plan)
    }

    /// The files of noise (input 0) or of a picture, beside the child's file.
    fn golden_files(&self, child: &Path, input: usize) -> PlannedGolden {
        let picture = input.checked_sub(1);
        let stem = picture.and_then(|picture| self.pictures[picture].file_stem());
        let files = GOLDEN_PARTS.map(|part| {
            // A name such as `net.v1` keeps its dot.
            let is_format = child.extension().is_some_and(|found| found == self.format.format().extension());
            let mut name = if is_format { child.with_extension("") } else { child.to_owned() }.into_os_string();
            if let Some(stem) = stem {
                name.push(".");
                name.push(stem);
            }
            name.push(format!(".{part}.f32"));
            PathBuf::from(name)
        });
        PlannedGolden { picture, files }
    }

    /// Writes one child; returns its part of the JSON document.
    fn export(&self, bundle: &Bundle, Planned { index, path, .. }: &Planned) -> Result<Value> {
        let entry = &bundle.children()[*index];
        let bytes = export(bundle, *index, self.format.format(), path)?;
        let input = bundle.networks()[*index].input;
        Ok(json!({
            "name": entry.name,
            "child": entry.child.to_string(),
            "path": shown(path),
            "bytes": bytes,
            "input": [1, input.channels, input.height, input.width],
            "classes": bundle.space().classes,
        }))
    }

    /// The side that the device must be opened for, by the headers of the pictures: a file that is not a picture is
    /// refused before anything is written.
    fn largest_side(&self, bundle: &Bundle) -> Result<u32> {
        let preprocessing = &bundle.manifest().preprocessing;
        let side = |path: &PathBuf| {
            let (width, height) = Picture::read_size(path, &PictureOptions::for_fit(preprocessing.fit))?;
            Ok(preprocessing.needed_side(width, height))
        };
        let sides = self.pictures.iter().map(side).collect::<Result<Vec<u32>>>()?;
        Ok(sides.into_iter().max().unwrap_or(0))
    }

    /// Writes the golden vectors of one child, for noise and for each picture. One picture at a time is decoded.
    fn write_golden(&self, maker: &GoldenMaker<'_>, planned: &Planned) -> Result<Value> {
        let mut written = Vec::new();
        for PlannedGolden { picture, files } in &planned.golden {
            let Golden { input, trainer, device } = match picture {
                None => maker.make(planned.index, GoldenInput::Noise(1))?,
                Some(place) => {
                    let options = PictureOptions::for_fit(maker.fit());
                    let opened = Picture::open_with(&self.pictures[*place], &options)?;
                    maker.make(planned.index, GoldenInput::Picture(&opened.image()))?
                }
            };
            let stem = picture.and_then(|picture| self.pictures[picture].file_stem());
            let mut document = json!({ "picture": stem.map(|stem| stem.to_string_lossy()) });
            for ((part, path), values) in GOLDEN_PARTS.iter().zip(files).zip([input, trainer, device]) {
                write_floats(path, &values)?;
                document[part] = json!(shown(path));
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
