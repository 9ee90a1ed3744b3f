//! `nestling-device` on disks that take nothing: a typed error, and the files that were there stay.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use nestling_torture::disks::{Disk, Outcome};
use std::path::Path;
use std::process::Command;

fn program(at: &Path, arguments: &[&str], outputs: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nestling-device"));
    command.args(arguments);
    for (flag, name) in outputs {
        command.arg(flag).arg(at.join(name));
    }
    command
}

/// Commands that write below `at`, and whether they fail if they cannot.
fn commands(at: &Path) -> Vec<(Command, bool)> {
    let bundle = at.join("fashion.nestling");
    let bundle = bundle.to_str().unwrap();
    let picture = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/assets/coat.png");
    let profile = ["profile", bundle, "--seconds", "0", "--tune", "0"];
    vec![
        (program(at, &profile, &[("--out", "p.json"), ("--html", "p.html"), ("--trace", "t.json")]), true),
        (
            program(at, &["choose", bundle, "--budget-ms", "60000", "--seconds", "0"], &[("--profile", "new.json")]),
            true,
        ),
        // Compiled pipelines save time only: without them everything works.
        (program(at, &["run", bundle, picture], &[("--pipeline-cache", "pipelines")]), false),
    ]
}

#[test]
fn every_command_says_that_the_disk_takes_nothing_and_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    common::write_bundle(place.path());
    // Files of before: a profile with its page and trace.
    let (mut first, _) = commands(place.path()).swap_remove(0);
    assert!(first.output().unwrap().status.success());
    let at = tempfile::tempdir().unwrap();
    for disk in Disk::ALL {
        for (command, fails) in commands(&at.path().join("disk")) {
            let folder = at.path().join("disk");
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir(&folder).unwrap();
            let Some(Outcome { code, said, changed }) = disk.run(place.path(), &folder, &command) else {
                println!("skipped: this system mounts no disk that is {disk:?}");
                break;
            };
            let shown = format!("{disk:?}: {command:?}");
            assert_eq!(code, i32::from(fails), "{shown}\n{said}{changed}");
            let is_told = said.contains("cannot write") || said.contains("cannot lock");
            assert!((is_told || !fails) && !said.contains("panicked"), "{shown}\n{said}");
            assert!(changed.is_empty(), "{shown}\n{said}{changed}");
        }
    }
}
