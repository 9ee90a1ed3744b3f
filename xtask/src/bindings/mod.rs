//! `cargo xtask bindings`: the same bundle and frames in every language, in one table.

mod answers;
pub mod languages;
mod summary;

use crate::{process, programs, python, setup, workspace};
use answers::Answers;
use anyhow::{Context, Result, ensure};
use languages::{Frames, Language};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use summary::{Limit, Row, Summary};

/// Flags of `cargo xtask bindings`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Print one JSON document instead of a table
    #[arg(long)]
    json: bool,
    /// Take what was built before
    #[arg(long)]
    built: bool,
}

/// Frames that every language classifies.
const FRAMES: usize = 64;

/// Builds, classifies, compares, and fails after the table is written if anything is out of bounds.
pub fn run(options: &Options) -> Result<()> {
    let folder = workspace::target().join("bindings");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if !options.built {
        languages::build()?;
    }
    let bundle = workspace::root().join("examples/assets/fashion.nestling");
    let (frames, share) = draw(&bundle, &folder, FRAMES)?;
    let mut summary = Summary { share_until_first_answer: share, ..Summary::default() };
    summary.share_of_demo = share_of_demo(&folder)?;
    let reference = answers::of(&mut languages::command(Language::Rust, &frames)?)?;
    for language in Language::ALL {
        let answers = answers::of(&mut languages::command(language, &frames)?)?;
        summary.rows.push(row(language, &answers, &reference)?);
        summary.limits.extend(answers.wasm_gzip.map(Limit::wasm));
    }
    summary.limits.push(Limit::wheel(size(&python::wheel()?)?));
    summary.limits.push(Limit::arm64(size(&languages::arm64_library())?));
    programs::write_json(&folder.join("summary.json"), &summary.json())?;
    if options.json {
        println!("{:#}", summary.json())
    } else {
        print!("{}", summary.table())
    }
    summary.check()
}

/// Draws the frames, and measures how much of a bundle must arrive before its first child answers.
pub fn draw(bundle: &Path, folder: &Path, count: usize) -> Result<(Frames, f64)> {
    let mut draw =
        workspace::cargo(&["run", "--quiet", "--package", "nestling-examples", "--example", "parity_frames"]);
    let facts = process::json(draw.arg("--").arg(bundle).arg(folder).arg(count.to_string()))?;
    let side = |name: &str| facts[name].as_u64().with_context(|| format!("the frames have no {name}"));
    let frames = Frames {
        bundle: bundle.to_owned(),
        file: folder.join("frames.rgba"),
        width: side("width")?,
        height: side("height")?,
    };
    Ok((frames, facts["share_until_first_answer"].as_f64().context("the bundle has no share")?))
}

/// The same share of the demo's bundle, where there is one.
fn share_of_demo(folder: &Path) -> Result<Option<f64>> {
    let bundle = workspace::target().join("demo/fashion.nestling");
    if !bundle.is_file() {
        return Ok(None);
    }
    let folder = folder.join("demo");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    draw(&bundle, &folder, 1).map(|(_, share)| Some(share))
}

fn row(language: Language, answers: &Answers, reference: &Answers) -> Result<Row> {
    let (agreement, error) = answers.beside(reference).with_context(|| language.name().to_owned())?;
    let mut bytes = 0;
    for artefact in languages::artefacts(language)? {
        bytes += size(&artefact)?;
    }
    Ok(Row {
        language: language.name(),
        pictures: answers.logits.len(),
        top1_agreement: agreement,
        max_relative_error: error,
        call: answers.call.clone(),
        call_overhead_us: answers.call_overhead_us,
        classify_overhead_us: answers.classify_overhead_us,
        first_result_ms: answers.first_result_ms,
        artefact_bytes: bytes,
    })
}

fn size(path: &Path) -> Result<u64> {
    Ok(fs::metadata(path).with_context(|| format!("cannot read {}", path.display()))?.len())
}

/// Runs a command of this program; its output goes to standard error, because standard output may be a document.
fn own(arguments: &[&str]) -> Result<()> {
    let program = std::env::current_exe().context("this program has no path")?;
    process::run(Command::new(program).args(arguments).stdout(std::io::stderr()))
}

/// An empty Python with one wheel.
pub fn python_with(wheel: &Path, folder: &Path) -> Result<PathBuf> {
    let pip = setup::pip_python()?;
    let interpreter = folder.join("bin/python");
    process::run(Command::new(&pip).args(["-m", "venv", "--clear", "--without-pip"]).arg(folder))?;
    install_wheel(wheel, &interpreter)?;
    ensure!(interpreter.is_file(), "{} is missing", interpreter.display());
    Ok(interpreter)
}

/// Installs a wheel beside a Python, without network.
pub fn install_wheel(wheel: &Path, interpreter: &Path) -> Result<()> {
    let mut install = Command::new(setup::pip_python()?);
    install.args(["-m", "pip", "--python"]).arg(interpreter);
    install.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]);
    process::run(install.arg("--root-user-action=ignore").arg(wheel).stdout(std::io::stderr()))
}

/// The part of a line that has a name.
fn part<'a>(line: &'a Value, name: &str) -> Option<&'a Value> {
    line.get(name).filter(|value| !value.is_null())
}
