//! No command writes over a file that it reads, nor over the bundle of other work.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, fail, nestling, succeed, write_data};
use nestling_bundle::Bundle;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LABELS: &str = "a\nb\nc\n";

/// Fails with `expected` in its message, and leaves the file as it is.
fn refuse(command: &mut Command, file: &Path, expected: &str) {
    let before = std::fs::read(file).unwrap();
    let message = fail(command);
    assert!(message.contains(expected), "{command:?}: {message}");
    assert!(std::fs::read(file).unwrap() == before, "{command:?} changed {}", file.display());
}

#[test]
fn an_input_of_any_kind_is_not_replaced_not_even_with_replace() {
    let place = Place::new();
    let (labels, space) = (place.path("labels"), place.path("space.toml"));
    std::fs::write(&labels, LABELS).unwrap();
    let also_input = "it is also an input";
    for file in [&labels, &space] {
        let mut init = nestling(["init", "--replace", "--space"]);
        init.arg(&space).arg("--labels").arg(&labels).arg("--output").arg(file);
        refuse(&mut init, file, also_input);
    }
    for file in [&labels, &space] {
        let mut import = nestling(["import", "--replace", "--weights"]);
        import.arg(&space).arg("--labels").arg(&labels).arg("--output").arg(file);
        refuse(&mut import, file, also_input);
    }
    succeed(&mut place.train("run"));
    succeed(&mut place.search("run"));
    succeed(place.step("pack", "run").arg("--output").arg(place.path("data/my.nestling")));
    let run = ["checkpoint.safetensors", "search.json", "train.jsonl", "packed.json"].map(|name| format!("run/{name}"));
    let data = ["train-images-idx3-ubyte", "t10k-labels-idx1-ubyte"].map(|name| format!("data/{name}"));
    for file in run.into_iter().chain(data).chain(["labels".to_owned()]) {
        let file = place.path(&file);
        let mut pack = place.step("pack", "run");
        pack.arg("--replace").arg("--labels").arg(&labels).arg("--output").arg(&file);
        refuse(&mut pack, &file, also_input);
    }
    // A bundle among the data is none of them.
    succeed(place.step("pack", "run").arg("--output").arg(place.path("data/my.nestling")));
    for (name, run) in [("config.toml", "run-a"), ("run-b/train.jsonl", "run-b")] {
        let config = place.path(name);
        std::fs::create_dir_all(place.path(run)).unwrap();
        if !config.exists() {
            std::fs::copy(place.path("config.toml"), &config).unwrap();
        }
        let mut train = place.step("train", run);
        train.arg("--config").arg(&config);
        if name == "config.toml" { drop(succeed(&mut train)) } else { refuse(&mut train, &config, also_input) }
    }
    let demo = place.path("demo");
    std::fs::create_dir_all(demo.join("run")).unwrap();
    for name in ["summary.json", "device-profile.json", "classified-0.json", "classified-1.json", "run/search.json"] {
        std::fs::write(demo.join(name), "{}").unwrap();
        let mut report = nestling(["report", "--demo"]);
        report.arg(&demo).arg("--output").arg(demo.join(name));
        refuse(&mut report, &demo.join(name), also_input);
    }
}

#[test]
fn what_is_no_bundle_never_replaces_one() {
    let place = Place::new();
    let (one, two) = (place.init("one.nestling"), place.init("two.nestling"));
    let expected = "it is a bundle, which would be lost";
    refuse(nestling(["export", "--child", "smallest", "--output"]).arg(&two).arg(&one), &two, expected);
    refuse(nestling(["report", "--demo"]).arg(place.path("")).arg("--output").arg(&two), &two, expected);
}

/// A shell that opens the bundle for reading lets nobody append to it.
#[cfg(target_os = "linux")]
#[test]
fn a_bundle_from_a_stream_is_read_once_and_never_written() {
    let place = Place::new();
    let (bundle, out) = (place.init("my.nestling"), place.path("out.nestling"));
    let profile = place.profile(&bundle, "Made-up 1");
    let stdin = || Stdio::from(std::fs::File::open(&bundle).unwrap());
    for path in ["/dev/stdin", "/dev/fd/0"] {
        let mut add = nestling(["latency", "add", path]);
        refuse(
            add.arg(&profile).stdin(stdin()),
            &bundle,
            "cannot be replaced; name a file to write\nhint: give --output",
        );
        let mut add = nestling(["latency", "add", path]);
        refuse(add.arg(&profile).args(["--output", "/dev/stdin"]).stdin(stdin()), &bundle, "/dev/stdin");
    }
    // A pipe gives its bytes once.
    let mut add = nestling(["latency", "add", "/dev/stdin"]);
    add.arg(&profile).arg("--output").arg(&out).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut process = add.spawn().unwrap();
    let bytes = std::fs::read(&bundle).unwrap();
    std::io::Write::write_all(&mut process.stdin.take().unwrap(), &bytes).unwrap();
    assert!(process.wait().unwrap().success());
    assert_eq!(Bundle::open(&out).unwrap().manifest().latency_tables.len(), 1);
    assert!(std::fs::read(&bundle).unwrap() == bytes);
}

/// Where the file goes to standard output, standard error is one document: of a success, and of a failure.
#[cfg(target_os = "linux")]
#[test]
fn beside_a_file_on_standard_output_there_is_one_document() {
    let place = Place::new();
    let bundle = place.init("my.nestling");
    let (profile, labels) = (place.profile(&bundle, "Made-up 1"), place.path("labels"));
    std::fs::write(&labels, "a\n").unwrap();
    let document = |command: &mut Command, succeeds: bool| -> Value {
        let output = command.args(["--output", "/dev/stdout", "--json"]).output().unwrap();
        assert_eq!(output.status.success(), succeeds, "{output:?}");
        assert_eq!(Bundle::from_bytes(&output.stdout).is_ok(), succeeds);
        assert_eq!(output.stdout.is_empty(), !succeeds);
        serde_json::from_slice(&output.stderr)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
    };
    let init = || {
        let mut command = nestling(["init", "--space"]);
        command.arg(place.path("space.toml"));
        command
    };
    assert!(document(&mut init(), true)["bytes"].is_u64());
    assert_eq!(document(init().arg("--labels").arg(&labels), false)["error"]["code"], "labels_count");
    let added = document(nestling(["latency", "add"]).arg(&bundle).arg(&profile), true);
    assert_eq!(added["tables"], 1);
    let failed = document(nestling(["import", "--weights"]).arg(&labels), false);
    assert_eq!(failed["error"]["code"], "weights_format");
}

#[test]
fn a_report_shows_no_other_images_than_those_of_its_run() {
    let place = Place::new();
    succeed(&mut place.train("demo/run"));
    std::fs::write(place.path("demo/classified-0.json"), "{}").unwrap();
    write_data(&place.path("other"), 5);
    let report = |data: &str| {
        let mut command = nestling(["report", "--demo"]);
        fail(command.arg(place.path("demo")).arg("--data").arg(place.path(data)))
    };
    assert!(report("other").contains("the run was trained on other images"));
    assert!(report("data").contains("summary.json is missing"));
}

#[test]
fn the_path_of_a_run_may_not_be_a_file() {
    let place = Place::new();
    let file: PathBuf = place.path("config.toml");
    for mut command in
        [place.step("pack", "config.toml"), place.step("search", "config.toml"), place.train("config.toml")]
    {
        refuse(&mut command, &file, "config.toml is a file; give the folder of a run");
    }
}
