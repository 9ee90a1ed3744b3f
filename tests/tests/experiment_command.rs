//! `nestling experiment` as its users call it, on made-up images: what it refuses, how it stops, and that each of its
//! trainings is a run which ships and answers on the device.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_tests::{nestling, write_made_up_dataset};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn place() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    write_made_up_dataset(place.path(), 300, 60).unwrap();
    let keys = "batch_size = 32\nworkers = 1\nheld_out = 64\nprobe_calibration = 64\nprobe_images = 64\n";
    std::fs::write(place.path().join("config.toml"), keys).unwrap();
    place
}

fn experiment(place: &Path, arguments: &[&str]) -> Command {
    let mut command = nestling();
    command.arg("experiment").args(arguments).args(["--seeds", "1", "--epochs", "1", "--json", "--data"]).arg(place);
    command.arg("--config").arg(place.join("config.toml")).arg("--folder").arg(place.join("experiments"));
    command.stdin(Stdio::null());
    command
}

/// The document and whether the command succeeded.
fn run(mut command: Command) -> (Value, bool) {
    let output = command.output().unwrap();
    let document = serde_json::from_slice(&output.stdout);
    (document.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))), output.status.success())
}

fn trainings(place: &Path) -> Vec<PathBuf> {
    let found = std::fs::read_dir(place.join("experiments/trainings"));
    found.into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn wrong_variants_and_too_many_images_are_refused_before_a_training_begins() {
    let place = place();
    let place = place.path();
    let (document, is_done) = run(experiment(place, &["finetune", "--images", "96", "--variants", "sideways"]));
    assert!(!is_done && document["error"]["code"] == "experiment_variants", "{document}");
    let (document, is_done) = run(experiment(place, &["convergence", "--images", "400"]));
    assert!(!is_done && document["error"]["code"] == "train_too_few_to_draw", "{document}");
    assert_eq!(trainings(place), Vec::<PathBuf>::new());
}

#[test]
fn the_end_of_its_time_is_no_error_and_each_training_is_a_run_that_ships() {
    let place = place();
    let place = place.path();
    let convergence = ["convergence", "--images", "96"];
    let (stopped, is_done) = run(experiment(place, &[&convergence[..], &["--cpu-hours", "0"]].concat()));
    assert!(is_done && stopped["stopped"].as_str().unwrap().contains("the next call goes on"), "{stopped}");
    let (document, is_done) = run(experiment(place, &convergence));
    assert!(is_done && document["stopped"].is_null(), "{document}");
    assert_eq!(document["experiments"][0]["rows"].as_array().unwrap().len(), 4, "{document}");
    let results = std::fs::read_to_string(place.join("experiments/results/results.json")).unwrap();
    let command = serde_json::from_str::<Value>(&results).unwrap()["experiments"][0]["command"].to_string();
    assert!(command.contains("config.toml --data "), "{command}");
    let supernet =
        trainings(place).into_iter().find(|path| path.file_name().unwrap().to_string_lossy().starts_with("supernet"));
    let (supernet, bundle) = (supernet.unwrap(), place.join("supernet.nestling"));
    let on_run = |name: &str, arguments: &[&str]| {
        let mut command = nestling();
        command.args([name, "--json", "--run"]).arg(&supernet).arg("--data").arg(place).args(arguments);
        run(command).0
    };
    let few = ["--coarse", "6", "--fine", "0", "--random", "0", "--random-held-out", "0", "--calibration", "64"];
    let searched = on_run("search", &few);
    assert!(searched["evaluated"].as_u64().unwrap() >= 6, "{searched}");
    let packed = on_run("pack", &["--output", bundle.to_str().unwrap()]);
    assert!(packed["children"].as_u64().unwrap() >= 1, "{packed}");
    let mut parity = nestling();
    parity.arg("parity").arg(&bundle).args(["--children", "0", "--images", "16", "--json", "--data"]).arg(place);
    let (report, _) = run(parity);
    assert!(report["max_relative_error"].as_f64().unwrap() < 1e-3, "{report}");
    assert_eq!(report["top1_agreement"], 1.0);
}
