//! The commands of `nestling` that need neither data nor a GPU.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_bundle::Bundle;
use nestling_core::weights::WeightStorage;
use std::process::{Command, Output};

fn nestling(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nestling")).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let output = nestling(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The message of a command that must fail.
fn message_of_failure(arguments: &[&str]) -> String {
    let output = nestling(arguments);
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty(), "{arguments:?} passed");
    assert!(message.starts_with("error: ") && !message.contains("panicked"), "{message}");
    message
}

#[test]
fn costs_are_those_of_the_space() {
    let cost = json(&["cost", "--space", "table1", "--child", "biggest", "--resolution", "224", "--layers"]);
    assert_eq!((cost["params"].as_u64(), cost["resolution"].as_u64()), (Some(10_892_790), Some(224)));
    let layers = cost["layers"].as_array().unwrap();
    let madds: u64 = layers.iter().map(|layer| layer["madds"].as_u64().unwrap()).sum();
    assert_eq!((layers.len() as u64, Some(madds)), (cost["layer_count"].as_u64().unwrap(), cost["madds"].as_u64()));
    let random = |seed: &str| json(&["cost", "--child", "random", "--seed", seed])["child"].clone();
    assert_eq!(random("3"), random("3"));
    assert_ne!(random("3"), random("4"));
}

#[test]
fn a_printed_space_can_be_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, nestling(&["spaces", "attentivenas"]).stdout).unwrap();
    let path = path.to_string_lossy();
    let of = |space: &str| json(&["cost", "--space", space, "--child", "biggest"])["madds"].clone();
    assert_eq!(of(&path), of("attentivenas"));
    assert_eq!(json(&["spaces"]).as_array().unwrap().len(), 21);
}

#[test]
fn faults_are_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("never.nestling");
    let never = output.to_string_lossy();
    let labels = folder.path().join("labels.txt");
    std::fs::write(&labels, "one\ntwo\n").unwrap();
    let few = labels.to_string_lossy();
    for (arguments, expected) in [
        (&["cost", "--space", "tabel1"][..], "presets are: table1,"),
        (&["cost", "--resolution", "200"], "resolution is 200, choose one of [192, 224, 256, 288, 320]"),
        (&["cost", "--child", "r192 s32"], "`w...` is missing"),
        (&["init", "--space", "table1", "--child", "tiny", "--output", &never], "`tiny` is not a child"),
        (&["init", "--space", "table1", "--child", "random:x", "--output", &never], "write `random:10`"),
        (&["init", "--space", "table1", "--labels", &few, "--output", &never], "2 lines, but there are 1000 classes"),
        (&["import", "--model", "resnet50", "--weights", &few, "--output", &never], "efficientnet-lite0"),
        (&["import", "--weights", &few, "--output", &never], "labels.txt"),
        (&["init", "--space", "fashion", "--weight-storage", "f64", "--output", &never], "not a weight storage: f32"),
        (&["export", &few, "--child", "all"], "not a Nestling bundle"),
    ] {
        let message = message_of_failure(arguments);
        assert!(message.contains(expected), "{arguments:?}: {message}");
        assert!(!output.exists());
    }
}

#[test]
fn a_bundle_shrinks_with_its_storage_and_exports_what_it_decodes_to() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let mut bytes = Vec::new();
    for storage in WeightStorage::ALL {
        let (path, name) = (at("small.nestling"), storage.to_string());
        let written = json(&["init", "--space", "fashion", "--weight-storage", &name, "--output", &path]);
        assert_eq!(written["weight_storage"], name);
        let bundle = Bundle::open(&path).unwrap();
        assert_eq!(bundle.weight_storage(), storage);
        bytes.push(bundle.weight_bytes());

        let exported = at("biggest.safetensors");
        json(&["export", &path, "--child", "biggest", "--format", "safetensors", "--output", &exported]);
        let tensors = nestling_train::import::read_weights(exported.as_ref()).unwrap();
        let (layout, weights) = (bundle.layout(), bundle.weights().unwrap());
        for convolution in &layout.convolutions {
            let weight = &layout.parameters[convolution.weight];
            assert_eq!(tensors[&weight.name].values, weights[weight.range()], "{storage}, {}", weight.name);
        }
    }
    assert!(bytes[0] as f64 > 1.9 * bytes[1] as f64 && bytes[0] as f64 > 3.3 * bytes[2] as f64, "{bytes:?}");
}
