//! Trainings that go on with other options, and images that are not those of the file names.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, fail, json, nestling, succeed, write_data};
use nestling_bundle::Bundle;
use nestling_train::train::Checkpoint;

fn note(command: &mut std::process::Command) -> String {
    String::from_utf8_lossy(&succeed(command).stderr).into_owned()
}

#[test]
fn a_run_may_be_extended_or_get_other_workers_and_says_what_follows() {
    let place = Place::new();
    succeed(&mut place.train("run"));
    let said = note(place.train("run").args(["--epochs", "2"]));
    assert!(
        said.contains("`epochs` is 2 now, 1 before: the next step follows the learning-rate schedule of 2"),
        "{said}"
    );
    let log = std::fs::read_to_string(place.path("run/train.jsonl")).unwrap();
    assert_eq!(log.lines().count(), 2);
    // Without any option it keeps what it has: nothing is left to do.
    let said = note(&mut place.step("train", "run"));
    assert!(said.contains("going on after epoch 2") && !said.contains("note: `"), "{said}");
    let said = note(place.step("train", "run").args(["--epochs", "3", "--workers", "1"]));
    assert!(said.contains("`epochs` is 3 now, 2 before") && said.contains("`workers` is 1 now, 2 before"), "{said}");
    let config = Checkpoint::read(&place.path("run/checkpoint.safetensors")).unwrap().config;
    assert_eq!((config.epochs, config.workers), (3, 1));
}

#[test]
fn other_values_are_refused_by_key_with_both() {
    let place = Place::new();
    succeed(place.train("run").args(["--epochs", "2"]));
    let before = std::fs::read(place.path("run/checkpoint.safetensors")).unwrap();
    let message = fail(place.step("train", "run").args(["--seed", "7", "--epochs", "3"]));
    assert!(message.contains("`seed` is 1 in the run and 7 now") && !message.contains("`epochs` is"), "{message}");
    assert!(message.contains("--run"), "{message}");
    let message = fail(place.step("train", "run").args(["--epochs", "1"]));
    assert!(message.contains("`epochs` is 1 now, 2 in the run, of which 2 are done"), "{message}");
    std::fs::write(place.path("config.toml"), "learning_rate = 0.1\nmomentum = 0.5\nprobe_images = 8\n").unwrap();
    let message = fail(&mut place.train("run"));
    for expected in ["`learning_rate` is 0.4 in the run and 0.1 now", "`momentum` is 0.9 in the run and 0.5 now"] {
        assert!(message.contains(expected) && !message.contains("probe_images"), "{message}");
    }
    write_data(&place.path("data"), 9);
    for mut command in [place.step("train", "run"), place.search("run")] {
        let message = fail(&mut command);
        assert!(message.contains("was trained on other images") && message.contains("--data"), "{message}");
    }
    assert_eq!(std::fs::read(place.path("run/checkpoint.safetensors")).unwrap(), before);
}

/// The files have the names of Fashion-MNIST's.
#[test]
fn other_images_ship_with_numbers_or_with_the_labels_of_the_user_never_with_clothes() {
    let place = Place::new();
    let said = note(&mut place.train("run"));
    assert!(said.contains("of no data set that is known by its contents"), "{said}");
    succeed(&mut place.search("run"));
    let bundle = place.path("run/fashion.nestling");
    let said = note(&mut place.step("pack", "run"));
    assert!(said.contains("name them with --labels FILE"), "{said}");
    let manifest = || Bundle::open(&bundle).unwrap().manifest().clone();
    assert_eq!(manifest().labels, ["class 0", "class 1", "class 2"]);
    assert!(!manifest().provenance.contains("Fashion"), "{}", manifest().provenance);
    let labels = place.path("labels.txt");
    std::fs::write(&labels, "\u{feff}top\r\nmiddle\r\nbottom\r\n\r\n").unwrap();
    succeed(place.step("pack", "run").arg("--labels").arg(&labels));
    assert_eq!(manifest().labels, ["top", "middle", "bottom"]);
    std::fs::write(&labels, "background\ntop\nmiddle\nbottom\n").unwrap();
    let message = fail(place.step("pack", "run").arg("--labels").arg(&labels));
    assert!(message.contains("its first line, `background`, is a background class"), "{message}");
    let images = place.path("images");
    let mut command = nestling(["images", "--output"]);
    let written = json(command.arg(&images).arg("--data").arg(place.path("data")));
    assert_eq!(written["images"].as_array().unwrap().len(), 3);
    assert_eq!(place.names("images"), ["class-0.png", "class-1.png", "class-2.png"]);
}
