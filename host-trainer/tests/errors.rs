//! Commands that fail, as programs and people read them, and paths that are not Unicode.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, fail, json, nestling, succeed};
use serde_json::Value;
use std::process::Command;

/// The error of a command that must fail with `--json`: exactly one document.
fn error_of(command: &mut Command, exit: i32) -> Value {
    let output = command.arg("--json").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(exit), "{command:?}\n{text}");
    assert!(text.contains("error: ") && !text.contains("panicked"), "{text}");
    let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert_eq!(document.as_object().unwrap().len(), 1, "{document}");
    document["error"].clone()
}

#[test]
fn a_command_that_fails_prints_one_document_with_a_code() {
    let place = Place::new();
    let at = |name: &str| place.path(name).to_string_lossy().into_owned();
    let (bundle, text) = (place.init("my.nestling").to_string_lossy().into_owned(), at("text"));
    std::fs::write(&text, "a\nb\n").unwrap();
    let (run, out, space, data) = (at("run"), at("out"), at("space.toml"), at("data"));
    for (arguments, code) in [
        (&["eval", "/nowhere"][..], "bundle_open"),
        (&["eval", &text, "--data", &data], "bundle_not_a_bundle"),
        (&["eval", &bundle, "--data", "/nowhere"], "data_listing"),
        (&["eval", &bundle, "--data", &data, "--child", "huge"], "bundle_unknown_child"),
        (&["parity", &bundle, "--data", "/nowhere"], "data_listing"),
        (&["export", &bundle, "--child", "../../escaped"], "bundle_unknown_child"),
        (&["export", &bundle, "--child", "smallest", "--output", "/nowhere/x"], "file_write"),
        (&["latency", "list", &text], "bundle_not_a_bundle"),
        (&["latency", "compare", &bundle], "no_latency_tables"),
        (&["latency", "add", &bundle, &text], "profile_not_a_profile"),
        (&["init", "--space", "tabel1", "--output", &out], "space_unknown"),
        (&["init", "--space", &text, "--output", &out], "space_parse"),
        (&["init", "--space", &space, "--labels", &text, "--output", &out], "labels_count"),
        (&["init", "--space", &space, "--child", "huge", "--output", &out], "invalid_child"),
        (&["init", "--space", &space, "--child", "random:x", "--output", &out], "other"),
        (&["init", "--space", &space, "--child", "random:0", "--output", &out], "other"),
        (&["train", "--run", &run, "--config", &text], "train_config"),
        (&["init", "--space", &space, "--output", &text], "output_occupied"),
        (&["import", "--weights", &text, "--output", &out], "weights_format"),
        (&["import", "--weights", &text, "--name", "../x", "--output", &out], "invalid_name"),
        (&["import", "--weights", &text, "--model", "resnet50", "--output", &out], "import_unknown_model"),
        (&["search", "--run", &run], "step_missing"),
        (&["search", "--run", &run, "--budget-madds", "2", "--bundle", &bundle], "search_no_predictor"),
        (&["pack", "--run", &run], "step_missing"),
        (&["train", "--run", &run, "--workers", "3"], "train_config"),
        (&["train", "--run", &run, "--data", "/nowhere"], "data_listing"),
        (&["report", "--demo", "/nowhere", "--output", &out], "step_missing"),
        (&["report", "--demo", "/nowhere"], "step_missing"),
        (&["images", "--data", &bundle, "--output", &out], "data_none"),
        (&["cost", "--space", "tabel1"], "space_unknown"),
        (&["spaces", "tabel1"], "space_unknown"),
    ] {
        let error = error_of(&mut nestling(arguments), 1);
        assert_eq!(error["code"], code, "{arguments:?}: {error}");
        assert!(error["message"].as_str().is_some_and(|message| message.len() > 10), "{error}");
    }
    for arguments in [&["eval"][..], &["init", "--spaces", "fashion"], &["nothing"], &[]] {
        let error = error_of(&mut nestling(arguments), 2);
        assert!(error["code"] == "usage" && !error["message"].as_str().unwrap().starts_with("error"), "{error}");
    }
    let help = succeed(&mut nestling(["init", "--help", "--json"]));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Usage:"));
}

/// Each message says what is wrong where, and the remedy is one of this program.
#[test]
fn messages_name_the_file_and_a_remedy_of_this_program() {
    let place = Place::new();
    let at = |name: &str| place.path(name).to_string_lossy().into_owned();
    let (bundle, text, data) = (place.init("my.nestling").to_string_lossy().into_owned(), at("text"), at("data"));
    std::fs::write(&text, "a\nb\n").unwrap();
    let message = |arguments: &[&str]| error_of(&mut nestling(arguments), 1)["message"].to_string();
    for command in ["eval", "parity"] {
        assert!(message(&[command, &text, "--data", &data]).contains(&text), "{command}");
    }
    let missing = message(&["latency", "add", &bundle, "/nope"]);
    assert!(missing.contains("cannot read device profile /nope") && !missing.contains("Runtime::"), "{missing}");
    let none = message(&["init", "--space", &at("space.toml"), "--child", "random:0", "--output", &at("out")]);
    assert!(none.contains("from 1 to 1000"), "{none}");
    let nowhere = message(&["eval", &bundle, "--data", "/nowhere"]);
    assert!(
        nowhere.contains("cannot read /nowhere") && nowhere.contains("check the path") && !nowhere.contains('['),
        "{nowhere}"
    );
}

/// They have no end, and no memory holds what comes out of them.
#[cfg(target_os = "linux")]
#[test]
fn a_device_without_an_end_is_no_input() {
    let place = Place::new();
    let (out, zero) = (place.path("out").to_string_lossy().into_owned(), "/dev/zero");
    let (run, space) = (place.path("run"), place.path("space.toml"));
    let (run, space) = (run.to_string_lossy(), space.to_string_lossy());
    for (arguments, code) in [
        (&["spaces", zero][..], "space_unreadable"),
        (&["cost", "--space", zero], "space_unreadable"),
        (&["import", "--weights", zero, "--output", &out], "weights_format"),
        (&["train", "--run", &run, "--config", zero], "io"),
        (&["init", "--space", &space, "--labels", zero, "--output", &out], "labels_encoding"),
    ] {
        assert_eq!(error_of(&mut nestling(arguments), 1)["code"], code, "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn faults_of_data_are_told_before_training_with_their_true_reason() {
    let place = Place::new();
    let images = place.path("data/train-images-idx3-ubyte");
    let labels = place.path("data/train-labels-idx1-ubyte");
    let (own_images, own_labels) = (std::fs::read(&images).unwrap(), std::fs::read(&labels).unwrap());
    let train = |code: &str, words: &str| {
        let error = error_of(&mut place.train("run"), 1);
        assert!(error["code"] == code && error["message"].as_str().unwrap().contains(words), "{error}");
    };
    std::fs::write(&images, &own_labels).unwrap();
    std::fs::write(&labels, &own_images).unwrap();
    train("idx_malformed", "the files of images and labels seem to be swapped");
    std::fs::write(&labels, &own_labels).unwrap();
    std::fs::write(&images, [&own_images[..4], &[0; 4], &own_images[8..16]].concat()).unwrap();
    train("idx_empty", "it holds none");
    let mut grey = own_images.clone();
    grey[16..].fill(7);
    std::fs::write(&images, &grey).unwrap();
    train("data_uniform", "all pixels of the training images have the value 7");
    std::fs::remove_file(&images).unwrap();
    std::os::unix::fs::symlink("/nowhere/images", &images).unwrap();
    train("data_missing", "is a link to /nowhere/images, which is missing");
    std::fs::remove_file(&images).unwrap();
    std::fs::write(&images, &own_images).unwrap();
    let config = place.path("config.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("held_out = 16", "held_out = 480")).unwrap();
    train("data_too_few", "set `held_out` in the TOML file of --config");
}

#[test]
fn names_and_paths_with_control_characters_are_refused_or_escaped() {
    let place = Place::new();
    let space = place.path("space.toml");
    let text = std::fs::read_to_string(&space).unwrap();
    for (name, problem) in [("../x", "it holds `/`"), ("", "it is empty"), ("a\\u001b[2J", "control character")] {
        std::fs::write(&space, text.replace("\"tiny\"", &format!("\"{name}\""))).unwrap();
        let message = fail(nestling(["init", "--space"]).arg(&space).arg("--output").arg(place.path("out")));
        assert!(message.contains(problem) && !message.contains('\u{1b}'), "{message}");
    }
    std::fs::write(&space, &text).unwrap();
    let labels = place.path("labels");
    std::fs::write(&labels, "a\nb\u{1b}[31m\nc\n").unwrap();
    let mut init = nestling(["init", "--space"]);
    init.arg(&space).arg("--output").arg(place.path("out")).arg("--labels").arg(&labels);
    assert!(fail(&mut init).contains("line 2 of "));
    let message = fail(nestling(["eval"]).arg(place.path("red\u{1b}[31m")));
    assert!(message.contains("red\\u{1b}[31m") && !message.contains('\u{1b}'), "{message}");
    assert!(!place.path("out").exists());
}

/// Every command that takes a path, in a folder whose name is no Unicode.
#[cfg(target_os = "linux")]
#[test]
fn paths_that_are_not_unicode_work_and_are_printed_with_a_replacement() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    let folder = place.path("").join(std::ffi::OsStr::from_bytes(b"f\xff"));
    std::fs::create_dir(&folder).unwrap();
    for file in ["config.toml", "space.toml"] {
        std::fs::rename(place.path(file), folder.join(file)).unwrap();
    }
    std::fs::rename(place.path("data"), folder.join("data")).unwrap();
    let (bundle, data, run) = (folder.join("my.nestling"), folder.join("data"), folder.join("run"));
    let shown = |document: &Value, key: &str| {
        assert!(document[key].as_str().unwrap().contains("f\u{fffd}"), "{document}");
    };
    let space = folder.join("space.toml");
    shown(&json(nestling(["init", "--space"]).arg(&space).arg("--output").arg(&bundle)), "path");
    assert_eq!(json(nestling(["cost", "--space"]).arg(&space))["space"], "tiny");
    assert_eq!(json(nestling(["spaces"]).arg(&space))["name"], "tiny");
    let profile = place.profile(&bundle, "Made-up 1");
    std::fs::rename(&profile, folder.join("profile.json")).unwrap();
    let added = json(nestling(["latency", "add"]).arg(&bundle).arg(folder.join("profile.json")));
    shown(&added, "bundle");
    shown(&added["profiles"][0], "profile");
    let mut export = nestling(["export", "--child", "all"]);
    let exported = json(export.arg(&bundle).arg("--output").arg(folder.join("out")));
    shown(&exported, "bundle");
    shown(&exported["files"][0], "path");
    let step = |step: &str| {
        let mut command = nestling([step]);
        command.arg("--run").arg(&run).arg("--data").arg(&data);
        command
    };
    json(step("train").arg("--config").arg(folder.join("config.toml")));
    let mut search = step("search");
    json(search.args(["--fine", "0", "--random", "0", "--random-held-out", "0", "--calibration", "8"]));
    shown(&json(&mut step("pack")), "bundle");
    json(nestling(["eval"]).arg(run.join("fashion.nestling")).arg("--data").arg(&data));
    let images = json(nestling(["images", "--output"]).arg(folder.join("images")).arg("--data").arg(&data));
    assert!(images["images"][0].as_str().unwrap().contains("f\u{fffd}"), "{images}");
    // And where they fail.
    for command in [
        nestling(["eval"]).arg(folder.join("none")),
        nestling(["import", "--weights"]).arg(&space).arg("--output").arg(folder.join("lite0.nestling")),
        nestling(["report", "--demo"]).arg(&folder),
        nestling(["latency", "list"]).arg(&space),
    ] {
        error_of(command, 1);
    }
}
