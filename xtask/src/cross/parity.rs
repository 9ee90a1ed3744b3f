//! The same pictures on this machine and on the emulated one.

use super::log::Log;
use super::{PICTURES, Programs, TOLERANCE};
use crate::logits::{best, of_probabilities, relative_error};
use crate::values::{list, word};
use crate::{process, workspace};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Compares all children of the examples' bundle, on images and on picture files.
pub fn compare(programs: &Programs, log: &mut Log) -> Result<()> {
    let assets = workspace::root().join("examples/assets");
    let bundle = assets.join("fashion.nestling");
    let images = images(&bundle)?;
    let facts = process::json(programs.host().arg("info").arg(&bundle).arg("--json"))?;
    let children = list(&facts["bundle"]["children"]).iter().map(|child| word(&child["name"]).to_owned());
    let children: Vec<String> = children.collect();
    ensure!(!children.is_empty(), "`nestling-device info` lists no children");
    let files = pictures(&assets)?;
    for child in &children {
        let data = |run: &mut Command| {
            run.arg("run").arg(&bundle).arg("--images").arg(&images).args(["--child", child]);
        };
        side_by_side(programs, log, &format!("{PICTURES} images by `{child}`"), data)?;
    }
    let pictures = |run: &mut Command| {
        run.arg("run").arg(&bundle).args(&files).args(["--child", &children[children.len() - 1]]);
    };
    side_by_side(programs, log, &format!("{} picture files", files.len()), pictures)
}

/// Runs the same arguments on both, and fails if their answers differ.
fn side_by_side(programs: &Programs, log: &mut Log, name: &str, arguments: impl Fn(&mut Command)) -> Result<()> {
    let [mut host, mut emulated] = [programs.host(), programs.arm64()];
    for command in [&mut host, &mut emulated] {
        arguments(command);
        command.args(["--top", "1000", "--json"]);
    }
    let ours = process::json(&mut host)?;
    let start = Instant::now();
    let theirs = process::json(&mut emulated)?;
    let took = start.elapsed();
    for (machine, document) in [("this machine's adapter", &ours), ("the emulated adapter", &theirs)] {
        log.fact(machine, word(&document["device"]["adapter"]));
    }
    let (reference, answers) = (logits(&ours)?, logits(&theirs)?);
    ensure!(reference.len() == answers.len() && !answers.is_empty(), "{name}: {} answers", answers.len());
    let (mut same, mut worst) = (0, 0.0_f64);
    for (answer, reference) in answers.iter().zip(&reference) {
        same += usize::from(best(answer) == best(reference));
        let error = relative_error(answer, reference);
        ensure!(!error.is_nan(), "{name}: a logit is not a number");
        worst = worst.max(error);
    }
    let count = answers.len();
    log.step(name, took, &format!("{same} of {count} with the same top-1; largest error {worst:.1e}"));
    ensure!(same == count && worst <= TOLERANCE, "{name}: {same} of {count} have the same top-1, error {worst:.1e}");
    Ok(())
}

/// The logits of each picture in the order of the labels' names, but for a constant.
fn logits(document: &Value) -> Result<Vec<Vec<f64>>> {
    let of_picture = |picture: &Value| -> Result<Vec<f64>> {
        let guesses = list(&picture["top"]).iter();
        let by_label: Option<BTreeMap<&str, f64>> =
            guesses.map(|guess| Some((guess["label"].as_str()?, guess["probability"].as_f64()?))).collect();
        let probabilities: Vec<f64> = by_label.context("a guess has no probability")?.into_values().collect();
        ensure!(probabilities.len() > 1, "a picture has {} guesses", probabilities.len());
        Ok(of_probabilities(&probabilities))
    };
    list(&document["images"]).iter().map(of_picture).collect()
}

/// The bundle's check images as a file in IDX format.
fn images(bundle: &Path) -> Result<PathBuf> {
    let folder = workspace::target().join("cross");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let mut draw =
        workspace::cargo(&["run", "--quiet", "--package", "nestling-examples", "--example", "parity_frames"]);
    process::json(draw.arg("--").arg(bundle).arg(&folder).arg(PICTURES.to_string()))?;
    Ok(folder.join("images.idx3"))
}

fn pictures(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        found.extend(Some(entry?.path()).filter(|path| path.extension().is_some_and(|name| name == "png")));
    }
    found.sort();
    Ok(found)
}
