//! Later commands read the pictures of a run and of a bundle as its training did: the same files, fit and division.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, fail, json, nestling, succeed};
use nestling_bundle::Bundle;
use nestling_train::data::to_png;
use nestling_train::train::Checkpoint;
use std::path::Path;
use std::process::Command;

/// Coloured noise of 20 pixels a side, another picture for each number.
fn write_picture(folder: &Path, class: &str, number: u32) {
    let seed = number * 2 + u32::from(class == "right");
    let value = |at: u32| ((at ^ seed << 16).wrapping_mul(2_654_435_761) >> 24) as u8;
    let pixels: Vec<u8> = (0..20 * 20 * 3).map(value).collect();
    std::fs::create_dir_all(folder.join(class)).unwrap();
    std::fs::write(folder.join(class).join(format!("{number}.png")), to_png(&pixels, 20).unwrap()).unwrap();
}

/// A run of forty pictures, padded and divided with seed 5.
fn trained() -> Place {
    let place = Place::new();
    for (number, class) in (0..20).flat_map(|number| ["left", "right"].map(|class| (number, class))) {
        write_picture(&place.path("pictures"), class, number);
    }
    let mut train = step(&place, "train");
    train.args(["--fit", "pad", "--split-seed", "5", "--config"]).arg(place.path("config.toml"));
    succeed(train.arg("--data").arg(place.path("pictures")));
    place
}

/// A step of the run, without its pictures.
fn step(place: &Place, step: &str) -> Command {
    let mut command = nestling([step, "--run"]);
    command.arg(place.path("run")).arg("--cache").arg(place.path("cache"));
    command
}

fn said(command: &mut Command) -> String {
    String::from_utf8_lossy(&succeed(command).stderr).into_owned()
}

#[test]
fn a_run_needs_its_pictures_named_once_and_refuses_another_fit_or_division() {
    let place = trained();
    let run = Checkpoint::read(&place.path("run/checkpoint.safetensors")).unwrap();
    assert_eq!(run.split.map(|split| split.seed), Some(5));
    let told = said(&mut step(&place, "report"));
    let pictures = place.path("pictures").display().to_string();
    assert!(told.contains(&format!("those that the run began with: {pictures}")), "{told}");
    assert!(told.contains("divided as those of the run, with seed 5"), "{told}");
    succeed(step(&place, "report").args(["--fit", "pad", "--split-seed", "5"]));
    for command in ["report", "train", "search"] {
        let message = fail(step(&place, command).args(["--fit", "squash"]));
        assert!(message.contains("trained with --fit pad: leave out --fit squash"), "{message}");
        let message = fail(step(&place, command).args(["--split-seed", "6"]));
        assert!(message.contains("--split-seed 5: leave out --split-seed 6"), "{message}");
    }
    // Elsewhere they are found by the flag alone.
    std::fs::rename(place.path("pictures"), place.path("moved")).unwrap();
    let message = fail(&mut step(&place, "report"));
    assert!(message.contains(&pictures) && message.contains("say with --data"), "{message}");
    succeed(step(&place, "report").arg("--data").arg(place.path("moved")));
    // A run of an older version does not say where they are.
    std::fs::write(place.path("run/begun.json"), "{}").unwrap();
    let message = fail(&mut step(&place, "report"));
    assert!(message.contains("give their path with --data"), "{message}");
}

#[test]
fn a_bundle_is_tested_with_pictures_that_it_was_not_trained_on() {
    let place = trained();
    succeed(step(&place, "search").args([
        "--fine",
        "0",
        "--random",
        "0",
        "--random-held-out",
        "0",
        "--calibration",
        "8",
    ]));
    let bundle = place.path("own.nestling");
    succeed(step(&place, "pack").args(["--golden-pictures", "0", "--output"]).arg(&bundle));
    let run = Checkpoint::read(&place.path("run/checkpoint.safetensors")).unwrap();
    assert_eq!(Bundle::open(&bundle).unwrap().manifest().split, run.data_split());
    let eval = |more: &[&str]| {
        let mut command = nestling(["eval"]);
        command.arg(&bundle).arg("--cache").arg(place.path("cache")).arg("--data").arg(place.path("pictures"));
        command.args(more);
        command
    };
    let reported = json(&mut step(&place, "report"));
    assert_eq!(json(&mut eval(&[])), reported["evaluation"]);
    let told = said(&mut eval(&[]));
    assert!(told.contains("with seed 5: none that is tested was trained on"), "{told}");
    let told = said(&mut eval(&["--split-seed", "6"]));
    assert!(told.contains("warning: ") && told.contains("divided with seed 5"), "{told}");
    let message = fail(&mut eval(&["--fit", "crop"]));
    assert!(message.contains("the bundle was trained with --fit pad"), "{message}");
    (20..30).for_each(|number| write_picture(&place.path("pictures"), "left", number));
    let told = said(&mut eval(&[]));
    assert!(told.contains("warning: the training pictures are not those"), "{told}");
}

#[test]
fn a_report_replaces_older_pages_and_no_other_file_unless_asked() {
    let place = Place::new();
    succeed(&mut place.train("run"));
    succeed(&mut place.step("report", "run"));
    succeed(&mut place.step("report", "run"));
    let notes = place.path("notes.html");
    std::fs::write(&notes, "<html>my notes</html>").unwrap();
    let report = || {
        let mut command = place.step("report", "run");
        command.arg("--output").arg(&notes);
        command
    };
    let message = fail(&mut report());
    assert!(message.contains("no page of Nestling") && message.contains("--replace"), "{message}");
    assert_eq!(std::fs::read(&notes).unwrap(), b"<html>my notes</html>");
    succeed(report().arg("--replace"));
    succeed(&mut report());
    // Square images have no fit.
    let message = fail(place.train("other").args(["--fit", "pad"]));
    assert!(message.contains("are square: leave out --fit pad"), "{message}");
}

#[test]
fn a_new_run_tells_its_recipe_and_keeps_it() {
    let place = Place::new();
    let told = said(&mut place.train("run"));
    let line = told.lines().find(|line| line.starts_with("recipe ")).unwrap();
    for part in ["recipe fashion with ", "epochs = 1", "batch_size = 8", "search space tiny of 3 classes"] {
        assert!(line.contains(part), "{line}");
    }
    let begun = std::fs::read_to_string(place.path("run/begun.json")).unwrap();
    assert!(begun.contains("\"--recipe\": \"fashion\"") && begun.contains("\"--data\": "), "{begun}");
    // The name of the recipe that it has is no other one.
    succeed(place.train("run").args(["--recipe", "fashion"]));
    assert!(fail(place.train("run").args(["--recipe", "own-pictures"])).contains("has begun with --recipe fashion"));
    assert!(!said(&mut place.train("run")).contains("recipe "));
}
