//! `cargo xtask bench --against PROGRAM`: compares this checkout's `nestling-device` with an older build of it.
//!
//! Both run the same bundle, in turns over several rounds, so that other load on the machine affects both.

use crate::programs::{Programs, json, write_json};
use crate::values::{list, median, number, word};
use crate::workspace;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// Milliseconds of one row, in the order of the rounds.
#[derive(Default)]
struct Row {
    before: Vec<f64>,
    after: Vec<f64>,
}

impl Row {
    /// Time now over time before: the middle of the rounds' ratios. Runs of one round met the same load.
    fn ratio(&self) -> f64 {
        median(self.after.iter().zip(&self.before).map(|(after, before)| after / before).collect())
    }
}

/// Measures, prints and writes `target/bench/against.json`.
pub fn run(program: &Path, bundle: &str, rounds: u32) -> Result<()> {
    let program = program.canonicalize().with_context(|| format!("no program at {}", program.display()))?;
    let programs = Programs::build()?;
    let old = || {
        let mut command = Command::new(&program);
        command.args(["bench", bundle]).current_dir(workspace::root());
        command
    };
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for round in 0..rounds {
        println!("round {} of {rounds}", round + 1);
        // Neither program is always the first.
        for is_old in if round % 2 == 0 { [true, false] } else { [false, true] } {
            let command = if is_old { old() } else { programs.device(&["bench", bundle]) };
            for (name, ms) in times(&json(command)?) {
                let row = rows.entry(name).or_default();
                if is_old { &mut row.before } else { &mut row.after }.push(ms);
            }
        }
    }
    rows.retain(|_, row| row.before.len() == row.after.len());
    ensure!(!rows.is_empty(), "the two programs have no row in common");
    let document = document(&rows);
    print(&document);
    let folder = workspace::target().join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("against.json");
    write_json(&path, &document)?;
    println!("\nwritten to {}", path.display());
    Ok(())
}

/// Loading, and of each child: the wall and CPU time of an inference, a switch, and each operator.
fn times(device: &Value) -> Vec<(String, f64)> {
    let mut rows = vec![
        ("open".to_owned(), number(&device["open_ms"])),
        ("load: pipelines".to_owned(), number(&device["pipeline_ms"])),
        ("load: weights".to_owned(), number(&device["upload_ms"])),
    ];
    for child in list(&device["children"]) {
        let name = word(&child["name"]);
        rows.push((format!("{name}: whole"), number(&child["p50_ms"])));
        rows.push((format!("{name}: whole, CPU"), number(&child["cpu_ms"])));
        rows.push((format!("{name}: switch"), number(&child["switch_us"]) / 1e3));
        for operator in list(&child["operators"]) {
            rows.push((format!("{name}: {}", word(&operator["operator"])), number(&operator["ms"])));
        }
    }
    rows
}

fn document(rows: &BTreeMap<String, Row>) -> Value {
    let row = |(name, row): (&String, &Row)| {
        json!({
            "row": name,
            "before_ms": median(row.before.clone()),
            "after_ms": median(row.after.clone()),
            "ratio": row.ratio(),
        })
    };
    json!({ "rows": rows.iter().map(row).collect::<Vec<_>>() })
}

fn print(document: &Value) {
    println!("\n{:34} {:>11} {:>11} {:>7}", "row", "before, ms", "now, ms", "ratio");
    for row in list(&document["rows"]) {
        let (before, after) = (number(&row["before_ms"]), number(&row["after_ms"]));
        println!("{:34} {before:11.4} {after:11.4} {:7.3}", word(&row["row"]), number(&row["ratio"]));
    }
}
