//! `cargo xtask storage`: what storing the weights as f16 or int8 saves, and what accuracy it costs.

use crate::programs::{Programs, json, write_json};
use crate::{setup, workspace};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Flags of `cargo xtask storage`.
#[derive(clap::Args)]
pub struct Options {
    /// Folder of a searched run [default: the demo's, target/demo/run]
    #[arg(long)]
    run: Option<PathBuf>,
    /// Only the first test images, for a quick look [default: all]
    #[arg(long)]
    limit: Option<u32>,
}

const STORAGES: [&str; 3] = ["f32", "f16", "int8"];

/// Images take as many bytes whatever the weights are stored as.
const NO_IMAGES: [&str; 4] = ["--calibration-images", "0", "--check-images", "0"];

/// Spaces of ImageNet's size, whose bundles hold random weights: only their bytes are of interest.
const SPACES: [&str; 2] = ["table1-no-se", "table1"];

/// Most percentage points that a shipped child may lose.
const TARGETS: [(&str, f64); 2] = [("f16", 0.05), ("int8", 0.3)];

/// Packs the run with each storage, classifies the test images with every shipped child, and writes
/// `target/storage/summary.json`.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure()?;
    let run = options.run.clone().unwrap_or_else(|| workspace::target().join("demo/run"));
    ensure!(run.join("search.json").is_file(), "{} holds no searched run: `cargo xtask demo` makes one", run.display());
    let programs = Programs::build()?;
    let folder = workspace::target().join("storage");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let run = run.to_string_lossy();
    let (mut rows, mut device): (Vec<Value>, _) = (Vec::new(), Value::Null);
    for storage in STORAGES {
        println!("\n== the run, weights {storage}");
        let bundle = file(&folder, &format!("demo-{storage}"));
        let mut pack = programs.trainer(&["pack", "--run", &run, "--output", &bundle, "--weight-storage", storage]);
        pack.args(NO_IMAGES);
        json(pack)?;
        let info = json(programs.device(&["info", &bundle]))?["bundle"].take();
        for child in info["children"].as_array().into_iter().flatten() {
            let name = word(&child["name"]);
            let classified = classify(&programs, &bundle, name, options.limit)?;
            device["adapter"] = classified["device"]["adapter"].clone();
            device["driver"] = classified["device"]["driver"].clone();
            let top1 = number(&classified["top1"]);
            let whole = rows.iter().find(|row| row["storage"] == "f32" && row["child"] == name);
            let change = top1 - whole.map_or(top1, |row| number(&row["top1"]));
            println!("  {name:10} {top1:6.2} %, {change:+.2}");
            let mut row = size_row("demo", storage, &info);
            row["child"] = json!(name);
            row["images"] = classified["labelled"].clone();
            row["top1"] = json!(top1);
            // Without the noise of a subtraction in binary.
            row["top1_change_points"] = json!((change * 1e4).round() / 1e4);
            rows.push(row);
        }
    }
    for space in SPACES {
        for storage in STORAGES {
            let bundle = file(&folder, &format!("{space}-{storage}"));
            let arguments = ["init", "--space", space, "--output", &bundle, "--weight-storage", storage];
            json(programs.trainer(&arguments))?;
            let info = json(programs.device(&["info", &bundle]))?["bundle"].take();
            rows.push(size_row(space, storage, &info));
        }
    }
    let path = folder.join("summary.json");
    write_json(&path, &json!({ "device": device, "rows": rows }))?;
    print_summary(&rows);
    println!("written to {}", path.display());
    Ok(())
}

fn file(folder: &Path, name: &str) -> String {
    folder.join(name).with_extension("nestling").to_string_lossy().into_owned()
}

fn classify(programs: &Programs, bundle: &str, child: &str, limit: Option<u32>) -> Result<Value> {
    let images = setup::dataset_file("t10k-images-idx3-ubyte")?;
    let labels = setup::dataset_file("t10k-labels-idx1-ubyte")?;
    let arguments = ["classify", bundle, "--child", child, "--images", &images, "--labels", &labels, "--top", "1"];
    let mut command = programs.device(&arguments);
    if let Some(limit) = limit {
        command.args(["--limit", &limit.to_string()]);
    }
    json(command)
}

/// What a bundle takes; no child of it, and no accuracy.
fn size_row(bundle: &str, storage: &str, info: &Value) -> Value {
    json!({
        "bundle": bundle,
        "storage": storage,
        "child": null,
        "bytes_on_disk": info["file_bytes"],
        "weight_bytes_on_disk": info["weight_bytes"],
        "bytes_on_gpu": info["gpu_weight_bytes"],
        "images": null,
        "top1": null,
        "top1_change_points": null,
    })
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn print_summary(rows: &[Value]) {
    println!("\nbundle       weights  file, bytes  of it weights  weights on the GPU");
    for bundle in ["demo"].into_iter().chain(SPACES) {
        for storage in STORAGES {
            let Some(row) = rows.iter().find(|row| row["bundle"] == bundle && row["storage"] == storage) else {
                continue;
            };
            println!(
                "{bundle:12} {storage:7} {:>12} {:>14} {:>19}",
                row["bytes_on_disk"].to_string(),
                row["weight_bytes_on_disk"].to_string(),
                row["bytes_on_gpu"].to_string()
            );
        }
    }
    for (storage, most) in TARGETS {
        let changes = rows.iter().filter(|row| row["storage"] == storage && row["child"].is_string());
        let worst = changes.map(|row| number(&row["top1_change_points"])).fold(0.0, f64::min);
        let verdict = if -worst <= most { "within" } else { "BEYOND" };
        println!("{storage}: the child that loses most loses {:.2} points, {verdict} the {most} allowed", 0.0 - worst);
    }
}
