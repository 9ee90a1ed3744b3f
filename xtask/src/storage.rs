//! `cargo xtask storage`: compares the bytes and the accuracy of weights stored as f32, f16 and int8.

use crate::programs::{Programs, json, write_json};
use crate::values::{list, number, word};
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
    /// Classify only this many test images [default: all]
    #[arg(long)]
    limit: Option<u32>,
}

const STORAGES: [&str; 3] = ["f32", "f16", "int8"];

/// The bundles hold no images, whose bytes do not depend on the storage of weights.
const NO_IMAGES: [&str; 4] = ["--calibration-images", "0", "--check-images", "0"];

/// Spaces of ImageNet's size. Their bundles hold random weights, and only their bytes are compared.
const SPACES: [&str; 2] = ["table1-no-se", "table1"];

/// Upper bound of the accuracy that a shipped child may lose, in percentage points.
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
    let (mut rows, mut device): (Vec<Value>, _) = (Vec::new(), Value::Null);
    for storage in STORAGES {
        println!("\n== the run, weights {storage}");
        let bundle = file(&folder, &format!("demo-{storage}"));
        let run = run.to_string_lossy();
        let mut pack = programs.trainer(&["pack", "--run", &run, "--output", &bundle, "--weight-storage", storage]);
        pack.arg("--replace").args(NO_IMAGES);
        json(pack)?;
        measure(&programs, &bundle, storage, options.limit, &mut rows, &mut device)?;
    }
    for space in SPACES {
        for storage in STORAGES {
            let bundle = file(&folder, &format!("{space}-{storage}"));
            let arguments = ["init", "--space", space, "--output", &bundle, "--weight-storage", storage, "--replace"];
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

/// Classifies with every child of a bundle and adds a row for each; the rows of f32 must come first.
fn measure(
    programs: &Programs,
    bundle: &str,
    storage: &str,
    limit: Option<u32>,
    rows: &mut Vec<Value>,
    device: &mut Value,
) -> Result<()> {
    let info = json(programs.device(&["info", bundle]))?["bundle"].take();
    for child in list(&info["children"]) {
        let name = word(&child["name"]);
        let classified = classify(programs, bundle, name, limit)?;
        device["adapter"] = classified["device"]["adapter"].clone();
        device["driver"] = classified["device"]["driver"].clone();
        let top1 = number(&classified["top1"]);
        let original = rows.iter().find(|row| row["storage"] == "f32" && row["child"] == name);
        let change = top1 - original.map_or(top1, |row| number(&row["top1"]));
        println!("  {name:10} {top1:6.2} %, {change:+.2}");
        let mut row = size_row("demo", storage, &info);
        row["child"] = json!(name);
        row["images"] = classified["labelled"].clone();
        row["top1"] = json!(top1);
        // Without the rounding error of the subtraction.
        row["top1_change_points"] = json!((change * 1e4).round() / 1e4);
        rows.push(row);
    }
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

/// Returns a row with the bytes of a bundle and without a child.
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
