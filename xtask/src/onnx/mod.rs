//! `cargo xtask onnx`: compares exported children in ONNX Runtime with the trainer and this device.

use crate::photo::import_lite0;
use crate::programs::{Programs, json, write_json};
use crate::values::{list, word};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `cargo xtask onnx`.
#[derive(clap::Args)]
pub struct Options {
    /// Number of random children of each space, beside the smallest and the biggest
    #[arg(long, default_value_t = 10)]
    children: u32,
    /// Spaces whose children are exported with random weights; may be repeated
    #[arg(long = "space", default_values = ["table1", "table1-no-se", "attentivenas", "mobilenet-v3-large-1.0x"])]
    spaces: Vec<String>,
}

/// Largest relative difference between ONNX Runtime and the trainer.
const TRAINER_LIMIT: f64 = 1e-4;
/// Largest relative difference between ONNX Runtime and the device.
const DEVICE_LIMIT: f64 = 1e-3;
const PHOTOGRAPHS: [&str; 4] = ["chelsea.png", "coffee.png", "rocket.jpg", "grace_hopper.jpg"];

/// Makes bundles, exports their children, checks and compares; writes `target/onnx/summary.json`.
pub fn run(options: &Options) -> Result<()> {
    println!("\n== fetch");
    let (python, photo) = (setup::onnx_python()?, setup::photo()?);
    setup::ensure()?;
    println!("\n== build");
    let programs = Programs::build()?;
    let folder = workspace::target().join("onnx");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;

    let random = format!("random:{}", options.children);
    let children = ["--child", "smallest", "--child", "biggest", "--child", &random];
    let mut exports = Vec::new();
    for space in &options.spaces {
        println!("\n== {space}");
        exports.push(export_space(&programs, &folder, space, &children)?);
    }
    println!("\n== lite0");
    let bundle = folder.join("lite0.nestling");
    import_lite0(&programs, &photo, &bundle.to_string_lossy(), &children)?;
    exports.push(export(&programs, &bundle, "all", &folder.join("lite0"), &[])?);
    let pictures: Vec<String> = PHOTOGRAPHS.iter().map(|name| photo.file(name)).collect();
    exports.push(export(&programs, &bundle, "lite0", &folder.join("lite0-photographs.onnx"), &pictures)?);

    println!("\n== check");
    let checked = check(&python, &exports)?;
    let path = folder.join("summary.json");
    write_json(&path, &checked)?;
    let wrong = print_table(&checked);
    println!("\nsummary  {}", path.display());
    if wrong.is_empty() { Ok(()) } else { bail!("{}", wrong.join("; ")) }
}

/// Exports children of a space, with random weights.
fn export_space(programs: &Programs, folder: &Path, space: &str, children: &[&str]) -> Result<PathBuf> {
    let file = Path::new(space).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let name = file.strip_suffix(".toml").unwrap_or(&file);
    let bundle = folder.join(format!("{name}.nestling"));
    let mut init = programs.trainer(&["init", "--space", space]);
    // A fixed network is its own smallest, biggest and random child.
    let one_child = has_one_child(programs, space)?;
    init.args(if one_child { &children[..2] } else { children }).arg("--output").arg(&bundle);
    json(init)?;
    export(programs, &bundle, "all", &folder.join(name), &[])
}

fn has_one_child(programs: &Programs, space: &str) -> Result<bool> {
    let cost = |child: &str| json(programs.trainer(&["cost", "--space", space, "--child", child]));
    Ok(cost("smallest")?["child"] == cost("biggest")?["child"])
}

/// Exports with golden vectors and returns the path of the document that lists the exported files.
fn export(programs: &Programs, bundle: &Path, child: &str, output: &Path, pictures: &[String]) -> Result<PathBuf> {
    let mut export = programs.trainer(&["export", &bundle.to_string_lossy(), "--child", child, "--golden"]);
    export.arg("--output").arg(output);
    for picture in pictures {
        export.args(["--picture", picture]);
    }
    let document = json(export)?;
    let mut path = output.as_os_str().to_owned();
    path.push(".json");
    let path = PathBuf::from(path);
    write_json(&path, &document)?;
    Ok(path)
}

/// Runs the checks in the Python that has ONNX Runtime.
fn check(python: &Path, exports: &[PathBuf]) -> Result<Value> {
    let script = workspace::root().join("xtask/src/onnx/check.py");
    let checked = process::json(Command::new(python).arg(script).args(exports));
    checked.context("a file is not sound ONNX, or ONNX Runtime refuses it")
}

/// Prints a row for each answer and returns the errors.
fn print_table(checked: &Value) -> Vec<String> {
    println!("\n  {:24} child        input          trainer     device  top 5", "bundle");
    let rows = list(&checked["answers"]);
    let mut errors: Vec<String> = rows.iter().filter_map(print_row).collect();
    if rows.is_empty() {
        errors.push("nothing was compared".to_owned());
    }
    let worst = |key: &str| rows.iter().map(|row| error_of(row, key)).fold(0.0, f64::max);
    println!(
        "\nONNX {} checker passed; against ONNX Runtime {}: trainer {:.1e} (limit {TRAINER_LIMIT:.0e}), device {:.1e} \
         (limit {DEVICE_LIMIT:.0e})",
        word(&checked["onnx"]),
        word(&checked["onnxruntime"]),
        worst("trainer_error"),
        worst("device_error")
    );
    errors
}

/// Prints a row and returns its error, if trainer or device disagree with ONNX Runtime.
fn print_row(row: &Value) -> Option<String> {
    let name = |key: &str| row[key].as_str().unwrap_or("noise").to_owned();
    let file = Path::new(&name("bundle")).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (bundle, child, picture) = (file.trim_end_matches(".nestling"), name("name"), name("picture"));
    let (trainer, device) = (error_of(row, "trainer_error"), error_of(row, "device_error"));
    let same = row["same_top5"] == true;
    let verdict = if same { "same" } else { "differ" };
    println!("  {bundle:24} {child:12} {picture:12} {trainer:9.1e}  {device:9.1e}  {verdict}");
    // Random weights may give two classes almost the same logit; a trained child on a photograph may not.
    let must_be_same = row["picture"].is_string();
    let agrees = trainer <= TRAINER_LIMIT
        && device <= DEVICE_LIMIT
        && error_of(row, "batch_error") <= TRAINER_LIMIT
        && (same || !must_be_same);
    (!agrees).then(|| format!("{bundle} {child} on {picture} disagrees with ONNX Runtime"))
}

/// An error of a row; a missing one is infinite.
fn error_of(row: &Value, key: &str) -> f64 {
    row[key].as_f64().unwrap_or(f64::INFINITY)
}
