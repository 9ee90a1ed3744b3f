//! The training step in `cargo xtask bench`: of the demo's space beside PyTorch, and of Table 1.

use crate::programs::{Programs, json};
use crate::values::{median, number, word};
use crate::{process, setup};
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

/// Input sizes in pixels at which Table 1 is measured, and images a step there.
const TABLE_1: [(u32, u32); 2] = [(192, 16), (320, 8)];

/// Turns that the trainer and PyTorch take on the demo's space.
const TURNS: u32 = 3;

/// Images a step on the demo's space, in both programs.
const BATCH: &str = "128";

/// Measures every row of `trainer` in `bench.json`; PyTorch only where `with_peer` asks for it.
pub fn rows(programs: &Programs, with_peer: bool) -> Result<Vec<Value>> {
    let mut rows = vec![beside_peer(programs, with_peer)?];
    print_row(&rows[0]);
    for (resolution, batch) in TABLE_1 {
        let (size, batch) = (resolution.to_string(), batch.to_string());
        let arguments = ["bench", "--space", "table1", "--rounds", "3", "--steps", "2", "--batch", &batch];
        let mut bench = programs.trainer(&arguments);
        let row = row("table1", Some(resolution), process::json(bench.args(["--resolution", &size, "--json"]))?);
        print_row(&row);
        rows.push(row);
    }
    Ok(rows)
}

/// The demo's space: the trainer and PyTorch in turns, so that other load on the machine affects both.
fn beside_peer(programs: &Programs, with_peer: bool) -> Result<Value> {
    let python = with_peer.then(setup::torch_python).transpose()?;
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        ours.push(json(programs.trainer(&["bench", "--rounds", "1", "--batch", BATCH]))?);
        if let Some(python) = &python {
            peers.push(peer(python)?);
        }
    }
    let mut own = ours.remove(0);
    for key in ["sandwich_images_per_cpu_s", "biggest_images_per_cpu_s", "sandwich_over_biggest"] {
        let all = std::iter::once(&own).chain(&ours).map(|one| number(&one[key])).collect();
        own[key] = json!(median(all));
    }
    let mut row = row("fashion", None, own);
    for key in ["sandwich_images_per_cpu_s", "biggest_images_per_cpu_s"] {
        row[format!("peer_{key}")] = match peers.is_empty() {
            true => Value::Null,
            false => json!(median(peers.iter().map(|peer| number(&peer[key])).collect())),
        };
    }
    row["peer"] = peers.first().map_or(Value::Null, |peer| peer["peer"].clone());
    Ok(row)
}

fn peer(python: &Path) -> Result<Value> {
    let script = include_str!("peers/train_step.py");
    process::json(Command::new(python).args(["-c", script, "--rounds", "1", "--batch", BATCH]))
}

/// A row: the trainer's document with the space's name.
fn row(space: &str, resolution: Option<u32>, mut document: Value) -> Value {
    document["space"] = json!(space);
    document["resolution"] = json!(resolution);
    document["over_prediction"] = json!(number(&document["sandwich_over_biggest"]) / number(&document["predicted"]));
    document["peer_sandwich_images_per_cpu_s"] = Value::Null;
    document
}

fn print_row(row: &Value) {
    let resolution = row["resolution"].as_u64().map_or_else(String::new, |size| format!(" at {size} px"));
    println!("\ntraining step of {}{resolution}, {} images, one worker:", word(&row["space"]), row["batch_size"]);
    let line = |name: &str, value: f64| println!("  {name:44} {value:9.2}");
    line("biggest alone, images per CPU-second", number(&row["biggest_images_per_cpu_s"]));
    line("sandwich, images per CPU-second", number(&row["sandwich_images_per_cpu_s"]));
    line("sandwich over biggest, measured", number(&row["sandwich_over_biggest"]));
    line("sandwich over biggest, by MAdds alone", number(&row["predicted_by_madds"]));
    line("sandwich over biggest, by MAdds and bytes", number(&row["predicted"]));
    line("measured over predicted", number(&row["over_prediction"]));
    line("share of the floor by products and copies", number(&row["floor_share"]));
    if row["peer"].is_string() {
        let times = |key: &str| number(&row[key]) / number(&row[format!("peer_{key}")]);
        println!("  beside {}:", word(&row["peer"]));
        line("biggest alone, times as fast", times("biggest_images_per_cpu_s"));
        line("sandwich, times as fast", times("sandwich_images_per_cpu_s"));
    }
}
