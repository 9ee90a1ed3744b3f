//! `--json`: whatever happens, stdout has one document, and the exit code says whether it holds an error.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nestling-device"));
    command.args(arguments);
    command
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Fails with one document whose code and message are these, and says the same on stderr.
fn fails(arguments: &[&str], exit: i32, code: &str, message: &str) {
    let output: Output = program(&[arguments, &["--json"]].concat()).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {stderr}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {stderr}"));
    let error = &document["error"];
    assert_eq!(error["code"], code, "{document}");
    let said = error["message"].as_str().unwrap();
    assert!(said.contains(message) && !said.starts_with("error"), "{document}");
    assert!(!said.contains("Usage") && !said.contains("--help") && said.trim() == said, "{document}");
    assert_eq!(document.as_object().unwrap().len(), 1, "{document}");
    assert!(stderr.contains(message), "{stderr}");
}

#[test]
fn failed_calls_print_their_code_and_message() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let cut = folder.path().join("cut.nestling");
    std::fs::write(&cut, &common::bundle_bytes()[..5000]).unwrap();
    let (bundle, cut, missing) = (text(&bundle), text(&cut), folder.path().join("none"));
    let missing = text(&missing);
    for command in
        ["info", "profile", "predict", "budgets", "choose", "govern", "switch", "doctor", "self-test", "bench", "start"]
    {
        let budget: &[&str] = if command == "govern" { &["--budget-ms", "8"] } else { &[] };
        fails(&[&[command, missing], budget].concat(), 1, "bundle_open", "check the path");
        fails(&[&[command, cut], budget].concat(), 1, "bundle_truncated", "cut off after 5000 bytes");
    }
    fails(&["self-test", bundle], 1, "no_golden_pictures", "pack it again with pictures");
    fails(&["run", missing, "photo.jpg"], 1, "bundle_open", "check the path");
    fails(&["choose", bundle, "--adapter", "Voodoo 2"], 1, "no_adapter", "Choose one of those with --adapter");
    fails(&["run", bundle, "photo.jpg", "--child", "middle"], 1, "unknown_child", "pareto-1");
    fails(&["switch", bundle, "--arithmetic", "f16", "--without", "f16"], 1, "no_arithmetic", "--arithmetic f32");
    fails(&["classify", bundle, "--images", missing], 1, "idx_open", "check the path");
    fails(&["classify", bundle, "--images", bundle], 1, "idx_foreign", "not an IDX file of images");
    fails(&["predict", bundle, "--other", missing], 1, "profile_open", "none");
    let nowhere = folder.path().join("none").join("phone.json");
    let profile = ["profile", bundle, "--seconds", "0", "--tune", "0", "--out", text(&nowhere)];
    fails(&profile, 1, "file_write", "name another file with --out FILE");
}

#[test]
fn wrong_arguments_print_a_document_too() {
    fails(&["dance"], 2, "usage", "dance");
    fails(&["choose"], 2, "usage", "required");
    fails(&[], 2, "usage", "");
    fails(&["choose", "a.nestling", "--budget-ms", "-1"], 2, "usage", "give milliseconds above zero");
    fails(&["info", "--weight-storage", "f64"], 2, "usage", "not a weight storage");
    fails(&["run", "a.nestling", "a.png", "--json=true"], 2, "usage", "unexpected value 'true' for '--json'");
    fails(&["info", "--adapters", "1"], 2, "usage", "unexpected argument '--adapters'");
    // Arguments behind `--` are names.
    let output = program(&["choose", "--", "a", "--json"]).output().unwrap();
    assert!(output.status.code() == Some(2) && output.stdout.is_empty());
    // Help is text, as asked.
    let help = program(&["choose", "--help", "--json"]).output().unwrap();
    assert!(help.status.success() && help.stdout.starts_with(b"Chooses"), "{help:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    for json in [&[][..], &["--json"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program(&[&["info", text(&bundle)], json].concat()).stdout(full).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && stderr.contains("cannot write to standard output"), "{stderr}");
    }
}

#[test]
fn a_closed_output_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let picture = folder.path().join("picture.png");
    image::GrayImage::new(28, 28).save(&picture).unwrap();
    let run = ["run", text(&bundle), text(&picture), text(&picture)];
    let failing = ["run", text(&bundle), "none.png", text(&picture)];
    let calls: [(&[&str], i32); 6] = [
        (&["info", text(&bundle)], 0),
        (&run, 0),
        (&failing, 1),
        (&["--help"], 0),
        (&["info", "none.nestling"], 1),
        (&["dance"], 2),
    ];
    for (arguments, exit) in calls {
        for json in [&[][..], &["--json"]] {
            let mut child =
                program(&[arguments, json].concat()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            drop(child.stdout.take());
            let output = child.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.code() == Some(exit) && !stderr.contains("panicked"), "{arguments:?}: {stderr}");
        }
    }
}
