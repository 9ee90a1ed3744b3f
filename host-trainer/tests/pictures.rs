//! Folders of pictures on the command line.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{fail, json, nestling, succeed};
use nestling_train::data::to_png;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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
    assert!(message.contains("1 of 11 files cannot be used") && message.contains("left/broken.png"), "{message}");
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
