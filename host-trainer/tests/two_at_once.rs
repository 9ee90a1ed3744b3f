//! Two processes that change the same bundle or run at the same time.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, fail, nestling, succeed};
use nestling_bundle::Bundle;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// Rounds of processes that add to one bundle at the same time, and processes of a round.
const ROUNDS: usize = 6;
const PROCESSES: usize = 4;

#[test]
fn tables_that_are_added_at_the_same_time_are_all_there() {
    let place = Place::new();
    let bundle = place.init("my.nestling");
    let mut expected = BTreeSet::new();
    for round in 0..ROUNDS {
        let started: Vec<_> = (0..PROCESSES)
            .map(|process| {
                let adapter = format!("Made-up {round}-{process}");
                let profile = place.profile(&bundle, &adapter);
                expected.insert(adapter);
                let mut add = nestling(["latency", "add"]);
                add.arg(&bundle).arg(profile).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for process in started {
            let output = process.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let opened = Bundle::open(&bundle).unwrap();
        let found: BTreeSet<String> =
            (opened.manifest().latency_tables.iter()).map(|table| table.device.adapter.clone()).collect();
        assert_eq!(found, expected, "round {round}");
    }
    assert!(place.names("").iter().all(|name| !name.contains("lock") && !name.contains(".tmp")));
}

#[test]
fn a_second_training_learns_who_has_the_run_and_a_killed_one_is_no_obstacle() {
    let place = Place::new();
    // Long enough for all that follows.
    let mut first = place.train("run").args(["--epochs", "100000"]).stderr(Stdio::null()).spawn().unwrap();
    let started = Instant::now();
    while !place.path("run/checkpoint.safetensors").exists() {
        assert!(started.elapsed() < Duration::from_secs(120), "no checkpoint after two minutes");
        std::thread::sleep(Duration::from_millis(20));
    }
    let text = std::fs::read_to_string(place.path("run/.nestling-lock")).unwrap();
    assert!(text.starts_with(&format!("nestling lock: process {} (nestling train) since 20", first.id())), "{text}");
    for mut second in [place.train("run"), place.search("run"), place.step("pack", "run")] {
        let message = fail(&mut second);
        let owner = format!("in use by process {} (nestling train) since 20", first.id());
        assert!(message.contains(&owner) && message.contains("wait until it has ended"), "{message}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(place.path("run/.nestling-lock").exists(), "a killed process leaves its file");
    let output = succeed(place.train("run").args(["--epochs", "100000", "--stop-after", "1"]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("going on after epoch"), "{output:?}");
    assert!(!place.names("run").contains(&".nestling-lock".to_owned()));
}

#[test]
fn of_many_trainings_that_start_at_once_one_trains() {
    let place = Place::new();
    for round in 0..5 {
        let run = format!("run-{round}");
        let train = || {
            let mut train = place.train(&run);
            train.args(["--epochs", "12"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
        };
        let outputs = [train(), train(), train()].map(|process| process.wait_with_output().unwrap());
        let (trained, refused): (Vec<_>, Vec<_>) = outputs.iter().partition(|output| output.status.success());
        assert!(!trained.is_empty(), "{outputs:?}");
        for output in refused {
            let message = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(message.contains("in use by") && message.contains("wait until it has ended"), "{message}");
        }
        let log = std::fs::read_to_string(place.path(&run).join("train.jsonl")).unwrap();
        assert_eq!(log.lines().count(), 12, "each epoch has one line");
    }
}
