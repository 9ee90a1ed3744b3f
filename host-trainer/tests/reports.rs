//! Reports of runs, and the curves that a training leaves.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, fail, json, nestling, succeed};
use nestling_page::markup::Text;
use nestling_page::markup_fault;
use nestling_train::data::to_png;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// Coloured noise, so that many answers are wrong: so many pictures of 80 pixels for each of two classes.
fn write_pictures(folder: &Path, count: u32) {
    for class in ["left & \"up\"", "right"] {
        std::fs::create_dir_all(folder.join(class)).unwrap();
        for number in 0..count {
            let seed = number * 2 + u32::from(class == "right");
            let value = |at: u32| ((at ^ seed << 16).wrapping_mul(2_654_435_761) >> 24) as u8;
            let pixels: Vec<u8> = (0..80 * 80 * 3).map(value).collect();
            std::fs::write(folder.join(class).join(format!("{number}.png")), to_png(&pixels, 80).unwrap()).unwrap();
        }
    }
}

/// A step of the run over the pictures.
fn step(place: &Place, step: &str) -> Command {
    let mut command = nestling([step, "--run"]);
    command.arg(place.path("run")).arg("--data").arg(place.path("pictures")).arg("--cache").arg(place.path("cache"));
    command
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// Whether a child's numbers agree with each other, with its files and with the page.
fn check_child(child: &Value, classes: &[Value], page: &str, pictures: &Path) {
    let images = number(&child["images"]);
    let rows = list(&child["confusion_matrix"]);
    let count = |truth: usize, answer: usize| number(&rows[truth][answer]);
    let all = |sum: &dyn Fn(usize) -> u64| (0..classes.len()).map(sum).sum::<u64>();
    let correct = all(&|class| count(class, class));
    assert_eq!((all(&|truth| all(&|answer| count(truth, answer))), correct), (images, number(&child["correct"])));
    let top1 = child["test_top1"].as_f64().unwrap();
    assert!((top1 - 100.0 * correct as f64 / images as f64).abs() < 1e-9);
    assert!(page.contains(&format!("<td>{top1:.2}</td>")));
    for (truth, class) in classes.iter().enumerate() {
        for (answer, other) in classes.iter().enumerate().filter(|(answer, _)| count(truth, *answer) > 0) {
            let (row, count) = (all(&|answer| count(truth, answer)), count(truth, answer));
            let (class, other) = (Text(text(class)), Text(text(other)));
            assert!(page.contains(&format!("<title>{count} of {row} images of {class} were taken for {other} (")));
        }
    }
    let error = child["calibration"]["expected_error_percent"].as_f64().unwrap();
    assert!(page.contains(&format!("Calibration error: {error:.2} %")));
    let mistakes = list(&child["mistakes"]);
    assert_eq!(mistakes.len() as u64, (images - correct).min(50));
    for mistake in mistakes {
        let path = Path::new(text(&mistake["path"]));
        assert!(path.is_file() && path.starts_with(pictures), "{path:?}");
        assert_eq!(path.parent().unwrap().file_name().unwrap(), text(&mistake["truth"]));
        assert_ne!(mistake["truth"], mistake["answer"]);
        assert!(page.contains(&format!("<code>{}</code>", Text(text(&mistake["path"])))));
        assert!(page.contains(&format!("<image id=\"image-{}\" ", mistake["index"])));
    }
}

#[test]
fn a_report_names_the_files_of_its_mistakes_and_its_page_has_the_same_numbers() {
    let place = Place::new();
    write_pictures(&place.path("pictures"), 60);
    succeed(step(&place, "train").arg("--config").arg(place.path("config.toml")));
    // Before a search: the ends of the space.
    let told = json(&mut step(&place, "report"));
    assert_eq!(text(&told["report"]), place.path("run/report.html").display().to_string());
    let names = |evaluation: &Value| -> Vec<String> {
        list(&evaluation["children"]).iter().map(|child| text(&child["name"]).to_owned()).collect()
    };
    assert_eq!(names(&told["evaluation"]), ["biggest", "smallest"]);

    let options = ["--fine", "0", "--random", "0", "--random-held-out", "0", "--calibration", "8"];
    let searched = json(step(&place, "search").args(options));
    let output = place.path("page.html");
    let told = json(step(&place, "report").arg("--output").arg(&output));
    let page = std::fs::read_to_string(&output).unwrap();
    assert_eq!(markup_fault(&page), None);
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("<script") && !page.contains("NaN")
    );
    let evaluation = &told["evaluation"];
    let mut mistakes = 0;
    for child in list(&evaluation["children"]) {
        check_child(child, list(&evaluation["classes"]), &page, &place.path("pictures"));
        mistakes += list(&child["mistakes"]).len();
        let found = list(&searched["children"]).iter().find(|one| one["name"] == child["name"]).unwrap();
        assert_eq!(found["test_top1"], child["test_top1"]);
    }
    assert!(mistakes > 0, "noise has no classes");

    // The training has named the files that it was not given.
    assert!(place.path("run/scan.json").is_file());
    // The bundle that ships answers alike.
    succeed(step(&place, "pack").args(["--golden-pictures", "0", "--output"]).arg(place.path("my.nestling")));
    let mut eval = nestling(["eval"]);
    eval.arg(place.path("my.nestling")).arg("--data").arg(place.path("pictures"));
    let evaluated = json(eval.arg("--cache").arg(place.path("cache")));
    assert_eq!(evaluated, *evaluation);
    // With another name of a class the order differs: its answers would be counted for another class.
    std::fs::rename(place.path("pictures/right"), place.path("pictures/a")).unwrap();
    let message = fail(nestling(["eval"]).arg(place.path("my.nestling")).arg("--data").arg(place.path("pictures")));
    assert!(message.contains("missing: right") && message.contains("new: a"), "{message}");
}

#[test]
fn a_report_of_images_without_files_counts_them() {
    let place = Place::new();
    succeed(&mut place.train("run"));
    let told = json(&mut place.step("report", "run"));
    let child = &told["evaluation"]["children"][0];
    assert_eq!((number(&child["images"]), list(&told["evaluation"]["classes"]).len()), (12, 3));
    assert!(list(&child["mistakes"]).iter().all(|mistake| mistake["path"].is_null() && number(&mistake["index"]) < 12));
    let message = fail(nestling(["report", "--run"]).arg(place.path("none")));
    assert!(message.contains("checkpoint.safetensors is missing"), "{message}");
    let message = fail(place.step("report", "run").arg("--output").arg(place.path("run/train.jsonl")));
    assert!(message.contains("also an input"), "{message}");
}

/// A small child reads smaller squares than the space that it comes from.
#[test]
fn a_run_of_one_child_is_reported_from_the_pictures_that_it_was_trained_on() {
    let place = Place::new();
    write_pictures(&place.path("pictures"), 40);
    let mut train = step(&place, "train");
    train
        .args(["--resolutions", "16,64", "--only", "r16 s4 w8 d1 k3 e2 h8", "--config"])
        .arg(place.path("config.toml"));
    succeed(&mut train);
    let told = json(&mut step(&place, "report"));
    let children = list(&told["evaluation"]["children"]);
    assert_eq!(children.len(), 1);
    assert!(text(&children[0]["child"]).starts_with("r16 "), "{}", children[0]["child"]);
}

/// The lengths of the records in a run's event file.
fn records(place: &Place, run: &str) -> Vec<usize> {
    let file = std::fs::read(place.path(run).join("events.out.tfevents.nestling")).unwrap();
    let (mut rest, mut lengths) = (&file[..], Vec::new());
    while let Some(length) = rest.first_chunk::<8>() {
        let length = u64::from_le_bytes(*length) as usize;
        lengths.push(length);
        rest = &rest[16 + length..];
    }
    lengths
}

#[test]
fn a_training_tells_each_epoch_in_a_line_and_leaves_curves_without_repeated_steps() {
    let place = Place::new();
    let output = succeed(place.train("whole").args(["--epochs", "8", "--json"]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!said.contains('\u{1b}'), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("epoch ") && line.contains("smallest ")).count(), 8);
    assert!(said.contains("learning rate ") && said.contains(" left; step "), "{said}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(list(&document["epochs"]).len(), 8);
    // The version, 32 steps with one event after twenty, eight epochs.
    let whole = records(&place, "whole");
    assert_eq!(whole.len(), 1 + 1 + 8);

    succeed(place.train("stopped").args(["--epochs", "8", "--stop-after", "5"]));
    // As if it had been killed in its sixth epoch, after events that no checkpoint knows.
    std::fs::copy(place.path("whole/events.out.tfevents.nestling"), place.path("stopped/events.out.tfevents.nestling"))
        .unwrap();
    succeed(&mut place.step("train", "stopped"));
    assert_eq!(records(&place, "stopped"), whole);
}
