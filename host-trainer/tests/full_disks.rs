//! Commands whose disk is full, read-only, or takes no more of this process: a typed error, and nothing is lost.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, nestling, succeed};
use nestling_torture::disks::{Disk, Outcome};
use std::path::Path;
use std::process::Command;

/// The commands that write, with paths below a folder `at`, each over what it wrote there before.
fn commands(at: &Path) -> Vec<Command> {
    let path = |name: &str| at.join(name);
    let run = |step: &str| {
        let mut command = nestling([step, "--run"]);
        command.arg(path("run")).arg("--data").arg(path("data"));
        command
    };
    let with = |arguments: &[&str], files: &[(&str, &str)]| {
        let mut command = nestling(arguments);
        for (flag, file) in files {
            command.args(Some(flag).filter(|flag| !flag.is_empty())).arg(path(file));
        }
        command
    };
    let mut train = run("train");
    train.arg("--config").arg(path("config.toml")).args(["--epochs", "2"]);
    let mut search = run("search");
    search.args(["--fine", "0", "--random", "0", "--random-held-out", "0", "--calibration", "8"]);
    vec![
        with(&["init"], &[("--space", "space.toml"), ("--output", "my.nestling")]),
        with(&["latency", "add"], &[("", "my.nestling"), ("", "Made-up 1.json")]),
        with(&["export", "--child", "smallest"], &[("", "my.nestling"), ("--output", "a.onnx")]),
        with(
            &["export", "--child", "smallest", "--format", "safetensors"],
            &[("", "my.nestling"), ("--output", "a.st")],
        ),
        with(&["images"], &[("--data", "data"), ("--output", "images")]),
        train,
        search,
        run("pack"),
    ]
}

fn prepared() -> Place {
    let place = Place::new();
    let bundle = place.init("my.nestling");
    place.profile(&bundle, "Made-up 1");
    succeed(&mut place.train("run"));
    // Each output is there already: what it holds must stay.
    for mut command in commands(&place.path("")).into_iter().filter(|command| !is_training(command)) {
        succeed(&mut command);
    }
    place
}

fn is_training(command: &Command) -> bool {
    command.get_args().any(|argument| argument == "train")
}

#[test]
fn every_command_says_that_the_disk_takes_nothing_and_loses_nothing() {
    let place = prepared();
    let at = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for disk in Disk::ALL {
        for (number, command) in commands(&at.path().join("disk")).into_iter().enumerate() {
            let folder = at.path().join("disk");
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir(&folder).unwrap();
            let Some(Outcome { code, said, changed }) = disk.run(&place.path(""), &folder, &command) else {
                println!("skipped: this system mounts no disk that is {disk:?}");
                break;
            };
            let shown = format!("{disk:?}, command {number}: {command:?}");
            assert_eq!(code, 1, "{shown}\n{said}{changed}");
            let is_told = said.contains("cannot write") || said.contains("cannot lock") || said.contains("cannot make");
            assert!(is_told && said.contains("error: ") && !said.contains("panicked"), "{shown}\n{said}");
            assert!(changed.is_empty(), "{shown}\n{said}{changed}");
            checked += 1;
        }
    }
    assert!(checked >= commands(at.path()).len());
}
