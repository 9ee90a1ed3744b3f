//! `cargo xtask onnx`: exported children in ONNX Runtime, against the trainer and this device.

use crate::programs::{Programs, json, write_json};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Flags of `cargo xtask onnx`.
#[derive(clap::Args)]
pub struct Options {
    /// Random children of each space, beside the smallest and the biggest
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

/// Makes bundles, exports their children, checks and compares; leaves `target/onnx/summary.json`.
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
        let file = Path::new(space).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = file.strip_suffix(".toml").unwrap_or(&file);
        let bundle = folder.join(format!("{name}.nestling"));
        let mut init = programs.trainer(&["init", "--space", space]);
        // A fixed network is its own smallest, biggest and random child.
        let one_child = has_one_child(&programs, space)?;
        init.args(if one_child { &children[..2] } else { &children[..] }).arg("--output").arg(&bundle);
        json(init)?;
        exports.push(export(&programs, &bundle, "all", &folder.join(name), &[])?);
    }
    println!("\n== lite0");
    let bundle = folder.join("lite0.nestling");
    let (weights, labels) = (photo.weights(), photo.labels_file.to_string_lossy());
    let mut import = programs.trainer(&["import", "--weights", &weights, "--labels", &labels]);
    import.args(children).arg("--output").arg(&bundle);
    json(import)?;
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

fn has_one_child(programs: &Programs, space: &str) -> Result<bool> {
    let cost = |child: &str| json(programs.trainer(&["cost", "--space", space, "--child", child]));
    Ok(cost("smallest")?["child"] == cost("biggest")?["child"])
}

/// Exports with golden vectors; returns the path of the document that says what was written.
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
    let mut command = Command::new(python);
    command.arg(script).args(exports).stdin(Stdio::null()).stderr(Stdio::inherit());
    let shown = process::display(&command);
    let output = command.output().with_context(|| format!("could not start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed ({}): a file is not sound ONNX, or ONNX Runtime refuses it", output.status);
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("`{shown}` printed no JSON"))
}

/// Prints a row for each answer; returns what is wrong.
fn print_table(checked: &Value) -> Vec<String> {
    println!("\n  {:24} child        input          trainer     device  top 5", "bundle");
    let mut wrong = Vec::new();
    if checked["answers"].as_array().is_none_or(Vec::is_empty) {
        wrong.push("nothing was compared".to_owned());
    }
    for row in checked["answers"].as_array().map_or(&[][..], Vec::as_slice) {
        let word = |key: &str| row[key].as_str().unwrap_or("noise").to_owned();
        let number = |key: &str| row[key].as_f64().unwrap_or(f64::INFINITY);
        let file = Path::new(&word("bundle")).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let bundle = file.trim_end_matches(".nestling");
        let (trainer, device) = (number("trainer_error"), number("device_error"));
        let same = row["same_top5"] == true;
        let verdict = if same { "same" } else { "differ" };
        println!("  {bundle:24} {:12} {:12} {trainer:9.1e}  {device:9.1e}  {verdict}", word("name"), word("picture"));
        // Random weights may give two classes almost the same logit; a trained child on a photograph may not.
        let photograph = row["picture"].is_string();
        if trainer > TRAINER_LIMIT
            || device > DEVICE_LIMIT
            || number("batch_error") > TRAINER_LIMIT
            || (photograph && !same)
        {
            wrong.push(format!("{bundle} {} on {} disagrees with ONNX Runtime", word("name"), word("picture")));
        }
    }
    let worst = |key: &str| {
        let rows = checked["answers"].as_array().map_or(&[][..], Vec::as_slice);
        rows.iter().map(|row| row[key].as_f64().unwrap_or(f64::INFINITY)).fold(0.0, f64::max)
    };
    println!(
        "\nONNX {} checker passed; against ONNX Runtime {}: trainer {:.1e} (limit {TRAINER_LIMIT:.0e}), device {:.1e} \
         (limit {DEVICE_LIMIT:.0e})",
        checked["onnx"].as_str().unwrap_or("?"),
        checked["onnxruntime"].as_str().unwrap_or("?"),
        worst("trainer_error"),
        worst("device_error")
    );
    wrong
}
