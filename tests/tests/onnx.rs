//! Exported children in ONNX Runtime, against the trainer and the device. `cargo xtask onnx` does the same for many
//! more.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_tests::{every_option, nestling, set_up_file};
use std::process::{Command, Stdio};

fn json(command: &mut Command) -> serde_json::Value {
    let output = command.arg("--json").stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn onnx_runtime_agrees_with_trainer_and_device() {
    let python = set_up_file("onnx-python/bin/python");
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("every-option.toml"), toml::to_string(&every_option()).unwrap()).unwrap();
    let mut documents = Vec::new();
    let own = path("every-option.toml").to_string_lossy().into_owned();
    for (name, space, children) in [
        ("table1", "table1", ["smallest", "random:1"]),
        ("table1-no-se", "table1-no-se", ["smallest", "random:1"]),
        ("attentivenas", "attentivenas", ["smallest", "smallest"]),
        ("every-option", own.as_str(), ["biggest", "random:3"]),
    ] {
        let bundle = path(&format!("{name}.nestling"));
        let mut init = nestling();
        init.args(["init", "--space", space, "--child", children[0]]);
        if children[1] != children[0] {
            init.args(["--child", children[1]]);
        }
        json(init.arg("--output").arg(&bundle));
        let exported = json(
            nestling().arg("export").arg(&bundle).args(["--child", "all", "--golden", "--output"]).arg(path(name)),
        );
        let document = path(&format!("{name}.json"));
        std::fs::write(&document, exported.to_string()).unwrap();
        documents.push(document);
    }
    let script = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../xtask/src/onnx/check.py");
    let checked = Command::new(python).arg(script).args(documents).stdin(Stdio::null()).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let checked: serde_json::Value = serde_json::from_slice(&checked.stdout).unwrap();
    let answers = checked["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 9);
    for answer in answers {
        println!("{answer}");
        assert!(answer["trainer_error"].as_f64().unwrap() <= 1e-4, "{answer}");
        assert!(answer["device_error"].as_f64().unwrap() <= 1e-3, "{answer}");
        assert!(answer["batch_error"].as_f64().unwrap() <= 1e-4, "{answer}");
    }
}

#[test]
fn a_safetensors_export_holds_every_tensor_of_the_child_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, output) = (folder.path().join("b0.nestling"), folder.path().join("b0.safetensors"));
    json(nestling().args(["init", "--space", "efficientnet-b0", "--child", "smallest", "--output"]).arg(&bundle));
    let mut export = nestling();
    export.arg("export").arg(&bundle).args(["--child", "smallest", "--format", "safetensors", "--output"]).arg(&output);
    json(&mut export);
    let tensors = nestling_train::import::read_weights(&output).unwrap();
    let trained = |name: &&String| !name.ends_with(".mean") && !name.ends_with(".variance");
    let count: usize = tensors.keys().filter(trained).map(|name| tensors[name].values.len()).sum();
    assert_eq!(count, 5_288_548, "EfficientNet-B0's parameters");
    assert_eq!(tensors["stage1.block1.squeeze.weight"].shape, [8, 32, 1, 1]);
    assert_eq!(tensors["stage2.block1.depthwise.variance"].shape, [96]);
}
