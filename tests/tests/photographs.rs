//! Published weights on real photographs: import, the device's answers, and the same network written out by hand.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::Error;
use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::{Bundle, Trained};
use nestling_core::image::preprocess;
use nestling_pictures::Picture;
use nestling_tests::{nestling, set_up_file};
use nestling_train::import::{SourceTensor, read_weights};
use nestling_train::model::{Norm, Parameters, forward, norm_tensors};
use nestling_train::torch;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tch::{Device, Tensor, no_grad};

fn weights() -> PathBuf {
    set_up_file("photo/fetched/efficientnet-lite0-57934424.pth")
}

fn photograph(name: &str) -> Picture {
    Picture::open(set_up_file("photo/fetched").join(name)).unwrap()
}

fn import(folder: &tempfile::TempDir) -> PathBuf {
    let output = folder.path().join("lite0.nestling");
    let mut command = nestling();
    command.args(["import", "--child", "smallest", "--weights"]).arg(weights()).arg("--output").arg(&output);
    assert!(command.arg("--labels").arg(set_up_file("photo/imagenet_labels.txt")).status().unwrap().success());
    output
}

/// EfficientNet-Lite0 as its authors' code reads, from the tensors by their own names, without a line of the trainer's
/// model.
fn by_hand(tensors: &BTreeMap<String, SourceTensor>, image: &Tensor) -> Tensor {
    let tensor = |name: String| {
        let source = &tensors[&name];
        let shape: Vec<i64> = source.shape.iter().map(|&size| size as i64).collect();
        Tensor::from_slice(&source.values).view(shape.as_slice())
    };
    let convolve = |x: &Tensor, name: &str, stride: i64, depthwise: bool| {
        let weight = tensor(format!("{name}.weight"));
        let (kernel, size) = (weight.size()[2], x.size()[2]);
        let needed = ((((size + stride - 1) / stride) - 1) * stride + kernel - size).max(0);
        let (before, after) = (needed / 2, needed - needed / 2);
        let groups = if depthwise { x.size()[1] } else { 1 };
        x.constant_pad_nd([before, after, before, after]).conv2d(&weight, None::<&Tensor>, stride, 0, 1, groups)
    };
    let normalise = |x: &Tensor, name: &str| {
        let [gamma, beta, mean, variance] =
            ["weight", "bias", "running_mean", "running_var"].map(|part| tensor(format!("{name}.{part}")));
        x.batch_norm(Some(&gamma), Some(&beta), Some(&mean), Some(&variance), false, 0.0, 1e-3, false)
    };
    let mut x = normalise(&convolve(image, "_conv_stem", 2, false), "_bn0").clamp(0.0, 6.0);
    let strides = [1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1, 1, 1];
    for (block, stride) in strides.into_iter().enumerate() {
        let name = |part: &str| format!("_blocks.{block}.{part}");
        let mut y = x.shallow_clone();
        if block > 0 {
            y = normalise(&convolve(&y, &name("_expand_conv"), 1, false), &name("_bn0")).clamp(0.0, 6.0);
        }
        y = normalise(&convolve(&y, &name("_depthwise_conv"), stride, true), &name("_bn1")).clamp(0.0, 6.0);
        y = normalise(&convolve(&y, &name("_project_conv"), 1, false), &name("_bn2"));
        x = if x.size() == y.size() { x + y } else { y };
    }
    x = normalise(&convolve(&x, "_conv_head", 1, false), "_bn1").clamp(0.0, 6.0);
    x.mean_dim([2i64, 3].as_slice(), false, None).linear(&tensor("_fc.weight".into()), Some(&tensor("_fc.bias".into())))
}

#[test]
fn photographs_are_named_and_the_child_is_exactly_efficientnet_lite0() {
    torch::initialise();
    let folder = tempfile::tempdir().unwrap();
    let bundle = Bundle::open(import(&folder)).unwrap();
    let index = bundle.child("lite0").unwrap().index;
    assert_eq!((bundle.networks()[index].cost().params, bundle.layout().len()), (4_652_008, 9_241_632));
    assert_eq!(bundle.manifest().trained, Trained::Only(vec![bundle.children()[index].child.clone()]));

    let runtime = Runtime::open(&bundle, &RuntimeOptions::default()).unwrap();
    assert_eq!(runtime.active().name(), Some("lite0"), "the only child that may answer");
    let refused = runtime.switch_to("smallest").unwrap_err();
    assert!(matches!(refused, Error::Untrained { .. }), "{refused}");

    let tensors = read_weights(&weights()).unwrap();
    let parameters = Parameters::from_values(bundle.space(), &bundle.weights().unwrap(), Device::Cpu);
    let (network, calibrated) = (&bundle.networks()[index], &bundle.calibrated()[index]);
    let norms = norm_tensors(network, calibrated.statistics(), parameters.flat());
    for (file, classes) in
        [("chelsea.png", 281..286), ("coffee.png", 967..968), ("rocket.jpg", 657..658), ("grace_hopper.jpg", 652..653)]
    {
        let picture = photograph(file);
        let image = picture.image();
        let answer = runtime.classify(image).unwrap();
        assert!(classes.contains(&answer.top().class), "{file}: {}", answer.top().label);

        let input: Vec<f32> =
            preprocess(&image, &bundle.manifest().preprocessing, 224).iter().map(|&v| v as f32).collect();
        let input = Tensor::from_slice(&input).view([1, 3, 224, 224]);
        let expected = no_grad(|| by_hand(&tensors, &input));
        let ours = no_grad(|| forward(network, &parameters, &input, Norm::Calibrated(&norms), None));
        let device = Tensor::from_slice(answer.logits()).view([1, 1000]);
        let largest = expected.abs().max().double_value(&[]);
        for (what, logits) in [("trainer", ours), ("device", device)] {
            let error = (logits - &expected).abs().max().double_value(&[]) / largest;
            assert!(error < 1e-4, "{what} on {file}: {error:e}");
        }
    }
}

#[test]
fn other_files_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(weights()).unwrap();
    let cut = folder.path().join("cut.pth");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    let other = folder.path().join("other.safetensors");
    std::fs::write(&other, safetensors(&[("conv1.weight", [1.0, 2.0, 3.0, 4.0])])).unwrap();
    for (path, expected) in [
        (cut, "cut.pth"),
        (other, "conv1.weight"),
        (set_up_file("photo/fetched/chelsea.png"), "chelsea.png"),
        (folder.path().join("missing.pth"), "missing.pth"),
    ] {
        let output = folder.path().join("never.nestling");
        let mut command = nestling();
        command.args(["import", "--weights"]).arg(&path).arg("--output").arg(&output);
        let ran = command.output().unwrap();
        let message = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!ran.status.success() && message.contains(expected), "{}: {message}", path.display());
        assert!(!message.contains("panicked") && !output.exists(), "{message}");
    }
}

/// A safetensors file, written out by hand.
fn safetensors(tensors: &[(&str, [f32; 4])]) -> Vec<u8> {
    let entries: Vec<String> = (tensors.iter().enumerate())
        .map(|(index, (name, _))| {
            let (from, to) = (16 * index, 16 * index + 16);
            format!(r#""{name}":{{"dtype":"F32","shape":[4],"data_offsets":[{from},{to}]}}"#)
        })
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.extend(tensors.iter().flat_map(|(_, values)| values).flat_map(|value| value.to_le_bytes()));
    bytes
}
