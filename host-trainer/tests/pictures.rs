//! Folders of pictures on the command line.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{fail, json, nestling, succeed};
use nestling_core::space::SearchSpace;
use nestling_train::calibrate::calibrate;
use nestling_train::data::{LoadRequest, load, to_png};
use nestling_train::evaluate::logits;
use nestling_train::model::{Parameters, Resizer};
use nestling_train::torch;
use nestling_train::train::Checkpoint;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tch::Device;

/// Writes so many pictures of `side` pixels for each of two classes.
fn write_pictures(folder: &Path, count: u32, side: u32) {
    for class in ["left", "right"] {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..count {
            let seed = number * 2 + u32::from(class == "left");
            let pixel = |at: u32| ((at ^ seed << 9).wrapping_mul(2_654_435_761) >> 24) as u8;
            let pixels: Vec<u8> = (0..side * side).map(pixel).collect();
            std::fs::write(folder.join(class).join(format!("{number}.png")), to_png(&pixels, side).unwrap()).unwrap();
        }
    }
}

fn scan(place: &Path) -> Command {
    let mut command = nestling(["scan"]);
    command.arg(place.join("pictures")).arg("--cache").arg(place.join("cache"));
    command
}

#[test]
fn a_scan_names_what_is_wrong_and_is_an_error_only_if_asked() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    write_pictures(&place.join("pictures"), 5, 16);
    std::fs::write(place.join("pictures/left/broken.png"), b"").unwrap();
    let out = place.join("scan.json");
    let report = json(scan(place).arg("--out").arg(&out));
    assert_eq!((&report["files"], &report["pictures"], &report["all_grey"]), (&11.into(), &10.into(), &true.into()));
    assert_eq!(report["faults"][0]["path"], "left/broken.png");
    let written: serde_json::Value = serde_json::from_slice(&std::fs::read(&out).unwrap()).unwrap();
    assert_eq!(written, report);
    let text = succeed(&mut scan(place)).stdout;
    assert!(String::from_utf8_lossy(&text).contains("left/broken.png: empty"));
    let message = fail(scan(place).arg("--strict"));
    assert!(message.contains("faults in 1 of 11 files") && message.contains("left/broken.png"), "{message}");
    // One document holds both the outcome and the refusal.
    let refused = scan(place).args(["--strict", "--json"]).output().unwrap();
    let document: serde_json::Value = serde_json::from_slice(&refused.stdout).unwrap();
    assert_eq!((refused.status.code(), &document["pictures"]), (Some(1), &10.into()));
    assert_eq!(document["error"]["code"], "data_faults", "{document}");
    // An older outcome is replaced, and no other file; nothing is written among the pictures of a class.
    succeed(scan(place).arg("--out").arg(&out));
    std::fs::write(place.join("labels.json"), "[\"left\"]").unwrap();
    let message = fail(scan(place).arg("--out").arg(place.join("labels.json")));
    assert!(message.contains("no document of a scan") && message.contains("--replace"), "{message}");
    let message = fail(scan(place).arg("--out").arg(place.join("pictures/left/scan.json")));
    assert!(message.contains("among the pictures of a class"), "{message}");
    let message = fail(nestling(["scan"]).arg(place.join("nowhere")));
    assert!(message.contains("nowhere"), "{message}");
}

#[test]
fn two_processes_build_one_cache_in_turns_and_a_killed_one_is_no_obstacle() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    write_pictures(&place.join("pictures"), 30, 500);
    // Under way as long as somebody has the lock.
    let is_locked = || {
        let folders = place.join("cache").read_dir().into_iter().flatten().flatten();
        let mut files = folders.flat_map(|folder| folder.path().read_dir().unwrap().flatten());
        files.any(|file| file.file_name().to_string_lossy().contains("lock"))
    };
    let mut killed = scan(place).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !is_locked() {
        assert!(started.elapsed() < Duration::from_secs(60), "no lock after a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    killed.kill().unwrap();
    assert!(!killed.wait().unwrap().success(), "it was killed at work");
    let both = [0, 1].map(|_| scan(place).arg("--json").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let reports = both.map(|process| {
        let output = process.wait_with_output().unwrap();
        assert!(output.status.success());
        output.stdout
    });
    assert_eq!(reports[0], reports[1]);
    let report: serde_json::Value = serde_json::from_slice(&reports[0]).unwrap();
    assert_eq!((&report["pictures"], &report["files"]), (&60.into(), &60.into()));
}

/// A folder with pictures of two classes and a space that is small enough for a moment's training.
fn place_of_a_run() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    // Each part has another size: copies would be left out.
    for (part, side) in [("train", 16), ("val", 17), ("test", 18)] {
        write_pictures(&place.path().join("pictures").join(part), 12, side);
    }
    let space = common::SPACE.replace("classes = 3", "classes = 2");
    let keys = "epochs = 1\nbatch_size = 4\nprobe_calibration = 8\nprobe_images = 8\n";
    std::fs::write(place.path().join("config.toml"), [keys, &*space].concat()).unwrap();
    place
}

fn step(place: &Path, step: &str) -> Command {
    let mut command = nestling([step, "--run"]);
    command.arg(place.join("run")).arg("--data").arg(place.join("pictures")).arg("--cache").arg(place.join("cache"));
    command
}

fn train(place: &Path, more: &[&str]) -> Command {
    let mut command = step(place, "train");
    command.arg("--config").arg(place.join("config.toml")).args(more);
    command
}

#[test]
fn a_second_training_on_pictures_is_refused_and_a_killed_one_is_no_obstacle() {
    let place = place_of_a_run();
    let place = place.path();
    let mut first = train(place, &["--epochs", "100000"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !place.join("run/checkpoint.safetensors").exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "no checkpoint after two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
    let message = fail(&mut train(place, &[]));
    assert!(message.contains(&format!("in use by process {} (nestling train)", first.id())), "{message}");
    first.kill().unwrap();
    first.wait().unwrap();
    let output = succeed(&mut train(place, &["--epochs", "100000", "--stop-after", "1"]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("going on after epoch"), "{output:?}");
}

#[test]
fn a_run_keeps_its_classes_and_refuses_pictures_with_others() {
    let place = place_of_a_run();
    let place = place.path();
    succeed(&mut train(place, &[]));
    let run = Checkpoint::read(&place.join("run/checkpoint.safetensors")).unwrap();
    assert_eq!(run.classes, Some(vec!["left".to_owned(), "right".to_owned()]));
    succeed(step(place, "search").args([
        "--fine",
        "0",
        "--random",
        "0",
        "--random-held-out",
        "0",
        "--calibration",
        "8",
    ]));
    // The same pictures in the same order under another name: nothing else would notice.
    for part in ["train", "val", "test"] {
        let part = place.join("pictures").join(part);
        std::fs::rename(part.join("left"), part.join("last")).unwrap();
    }
    for mut command in [train(place, &["--epochs", "2"]), step(place, "search"), step(place, "pack")] {
        let output = command.arg("--json").output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let error: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(error["error"]["code"], "data_other_classes", "{error}");
        let message = error["error"]["message"].as_str().unwrap();
        assert!(message.contains("missing: left; new: last") && message.contains("start another run"), "{message}");
    }
}

#[test]
fn a_run_without_patience_left_ends_early_and_ships_its_best_epoch() {
    let place = place_of_a_run();
    let place = place.path();
    let config = std::fs::read_to_string(place.join("config.toml")).unwrap();
    std::fs::write(place.join("config.toml"), format!("patience = 2\nlearning_rate = 1e-30\n{config}")).unwrap();
    let trained = train(place, &["--epochs", "50", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&trained.stderr);
    assert!(said.contains("ship: no later one was better"), "{said}");
    let document: serde_json::Value = serde_json::from_slice(&trained.stdout).unwrap();
    assert!(document["epochs"].as_array().unwrap().len() < 50);
    // Nothing is left to do, unless with more patience.
    let said = String::from_utf8_lossy(&succeed(&mut step(place, "train")).stderr).into_owned();
    assert!(!said.contains("epoch 50"), "{said}");
    std::fs::write(place.join("config.toml"), format!("patience = 3\nlearning_rate = 1e-30\n{config}")).unwrap();
    let said = String::from_utf8_lossy(&succeed(&mut train(place, &["--epochs", "50"])).stderr).into_owned();
    assert!(said.contains("`patience` is 3 now, 2 before"), "{said}");
}

/// Answers of a network of random weights about pictures, with the pictures' classes.
fn answers(place: &Path) -> Vec<(u16, Vec<f32>)> {
    let request = LoadRequest::new(Some(&place.join("pictures")), 16, &place.join("cache"));
    let data = load(&request, &()).unwrap();
    let held_out = data.held_out.unwrap();
    let classes = data.training.classes;
    let space = SearchSpace { classes, input_channels: data.training.channels, ..SearchSpace::fashion() };
    let space = SearchSpace { resolutions: vec![16], ..space }.validated().unwrap();
    let network = space.lower(&space.biggest()).unwrap();
    let parameters = Parameters::from_values(&space, &Parameters::initial_values(&space, 3), Device::Cpu);
    let resizer = Resizer::new(&space, &data.preprocessing, 16, Device::Cpu);
    let calibrated = calibrate(&network, &parameters, &resizer, &data.training, 7).unwrap();
    let all = logits(&calibrated, &network, &parameters, &resizer, &held_out, 5).unwrap();
    let row = |at: usize| Vec::<f32>::try_from(all.get(at as i64)).unwrap();
    held_out.labels.iter().enumerate().map(|(at, &label)| (label, row(at))).collect()
}

#[test]
fn a_validation_folder_that_lacks_a_class_changes_no_answer_about_the_others() {
    torch::initialise();
    let place = tempfile::tempdir().unwrap();
    let place = place.path();
    for (part, count, side) in [("train", 9, 16), ("val", 6, 18), ("test", 3, 20)] {
        let folder = place.join("pictures").join(part);
        write_pictures(&folder, count, side);
        // A class between the others in the natural order.
        std::fs::rename(folder.join("left"), folder.join("middle")).unwrap();
        write_pictures(&folder, count, side + 1);
    }
    let whole = answers(place);
    assert_eq!(whole.iter().map(|(label, _)| *label).collect::<BTreeSet<_>>(), BTreeSet::from([0, 1, 2]));
    std::fs::remove_dir_all(place.join("pictures/val/middle")).unwrap();
    let rest: Vec<_> = whole.into_iter().filter(|(label, _)| *label != 1).collect();
    assert!(!rest.is_empty() && answers(place) == rest, "an answer about another class changed");
}
