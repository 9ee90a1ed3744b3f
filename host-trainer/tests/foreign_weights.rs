//! A checkpoint of another program, from the file to the bundle.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{fail, json, nestling};
use nestling_bundle::Bundle;
use nestling_train::import::{LayerNames, source_model, source_names};
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;

/// Writes EfficientNet-Lite0 with five classes as timm names it, with the prefix of a wrapper.
fn write_checkpoint(path: &Path) {
    let model = source_model("efficientnet-lite0").unwrap();
    let timm = model.namings()[1];
    let network = model.space().unwrap().lower(&model.child().unwrap()).unwrap();
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut add = |name: &str, shape: Vec<usize>, value: f32| {
        let bytes = value.to_le_bytes().repeat(shape.iter().product());
        tensors.push((format!("module.{name}"), shape, bytes));
    };
    for layer in network.layers.iter().filter(|layer| layer.convolution.is_some()) {
        let (outputs, kernel) = (layer.shape.output.channels as usize, layer.shape.kernel as usize);
        let inputs = layer.shape.weights() as usize / (outputs * kernel * kernel);
        match source_names(model, timm, &layer.name).unwrap() {
            LayerNames::Convolution { weight, gamma, beta, mean, variance } => {
                add(&weight, vec![outputs, inputs, kernel, kernel], 0.01);
                [(gamma, 1.0), (beta, 0.1), (mean, 0.0), (variance, 1.0)]
                    .into_iter()
                    .for_each(|(name, value)| add(&name, vec![outputs], value));
            }
            LayerNames::Linear { weight, bias } => {
                add(&weight, vec![5, inputs], 0.01);
                add(&bias, vec![5], 0.0);
            }
        }
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

#[test]
fn a_fine_tuned_checkpoint_becomes_a_bundle_with_a_note_for_each_change() {
    let folder = tempfile::tempdir().unwrap();
    let (weights, labels, bundle) =
        (folder.path().join("tuned.safetensors"), folder.path().join("labels.txt"), folder.path().join("my.nestling"));
    write_checkpoint(&weights);
    std::fs::write(&labels, "\u{feff}oak\r\nelm\r\nash\r\nfir\r\nyew\r\n").unwrap();
    let import = |more: &[&str]| {
        let mut command = nestling(["import", "--child", "smallest", "--weight-storage", "int8", "--weights"]);
        command.arg(&weights).arg("--labels").arg(&labels).arg("--output").arg(&bundle).args(more);
        command
    };
    let imported = json(&mut import(&["--model", "tf_efficientnet_lite0", "--means", "0.5", "--std", "0.25,0.5,0.25"]));
    let notes: Vec<&str> = imported["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect();
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("`module.`") && notes[1].contains("timm's"), "{notes:?}");
    assert_eq!(notes[2], "the classifier has 5 classes in the place of 1000");
    let opened = Bundle::open(&bundle).unwrap();
    let manifest = opened.manifest();
    assert_eq!(
        (manifest.space.classes, &manifest.labels[..]),
        (5, &["oak", "elm", "ash", "fir", "yew"].map(String::from)[..])
    );
    assert_eq!(manifest.preprocessing.means, [0.5; 3]);
    assert_eq!(manifest.preprocessing.standard_deviations, [0.25, 0.5, 0.25]);
    assert!(opened.child("lite0").is_ok() && opened.child("smallest").is_ok());
    // The same weights again replace their own bundle.
    json(&mut import(&[]));
    let message = fail(&mut import(&["--means", "127", "--std", "128"]));
    assert!(message.contains("divide them by 255"), "{message}");
    let message = fail(&mut import(&["--state-dict", "model"]));
    assert!(message.contains("no state dict `model`"), "{message}");
}
