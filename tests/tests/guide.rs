//! Every command of docs/own-pictures.md, in the page's order, as a user types it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use image::{Rgb, RgbImage};
use nestling_bundle::Bundle;
use nestling_tests::pictures::{CLASSES, write_pictures};
use nestling_tests::{nestling, nestling_device};
use nestling_train::import::{LayerNames, source_model, source_names};
use rand::{RngExt, SeedableRng};
use safetensors::tensor::{Dtype, TensorView};
use std::path::Path;

const PAGE: &str = include_str!("../../docs/own-pictures.md");

/// Arguments that a command gets here beyond those of the page, so that the test takes a minute. Nothing else differs
/// from the page: the files that its commands read have the page's names.
const FEWER: [(&str, &[&str]); 2] = [
    ("nestling train", &["--config", "few-steps.toml"]),
    (
        "nestling search",
        &["--fine", "1", "--random", "0", "--random-held-out", "0", "--children", "3", "--calibration", "16"],
    ),
];

/// The keys of `few-steps.toml`.
const FEW_STEPS: &str = "epochs = 1\nhead_epochs = 1\nbatch_size = 16\nprobe_calibration = 16\nprobe_images = 8\n";

/// The commands in the page's `sh` blocks, without comments.
fn commands() -> Vec<String> {
    let mut is_command = false;
    let mut found = Vec::new();
    for line in PAGE.lines() {
        match line.trim() {
            "```sh" => is_command = true,
            "```" => is_command = false,
            line if is_command => found.push(line.split(" #").next().unwrap_or(line).trim().to_owned()),
            _ => {}
        }
    }
    found.retain(|command| !command.is_empty());
    found
}

/// Writes a file of the published weights' names and shapes, with random values.
fn write_weights(path: &Path) {
    let model = source_model("efficientnet-lite0").unwrap();
    let naming = model.namings()[0];
    let network = model.space().unwrap().lower(&model.child().unwrap()).unwrap();
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(3);
    let mut tensors: Vec<(String, Vec<usize>, Vec<u8>)> = Vec::new();
    let mut add = |name: String, shape: Vec<usize>, mean: f32, spread: f32| {
        let count = shape.iter().product::<usize>();
        let value = |_| mean + spread * random.random_range(-1.0..1.0f32);
        tensors.push((name, shape, (0..count).map(value).flat_map(f32::to_le_bytes).collect()));
    };
    for layer in network.layers.iter().filter(|layer| layer.convolution.is_some()) {
        let (outputs, kernel) = (layer.shape.output.channels as usize, layer.shape.kernel as usize);
        let inputs = layer.shape.weights() as usize / (outputs * kernel * kernel);
        let spread = (3.0 / (inputs * kernel * kernel) as f32).sqrt();
        match source_names(model, naming, &layer.name).unwrap() {
            LayerNames::Convolution { weight, gamma, beta, mean, variance } => {
                add(weight, vec![outputs, inputs, kernel, kernel], 0.0, spread);
                [(gamma, 1.0), (beta, 0.0), (mean, 0.0), (variance, 1.0)]
                    .into_iter()
                    .for_each(|(name, value)| add(name, vec![outputs], value, 0.1 * value));
            }
            LayerNames::Linear { weight, bias } => {
                add(weight, vec![outputs, inputs], 0.0, spread);
                add(bias, vec![outputs], 0.0, 0.0);
            }
        }
    }
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// The files that the page's reader has.
fn write_inputs(folder: &Path) {
    write_pictures(&folder.join("pictures"), 20);
    write_weights(&folder.join("efficientnet_lite0.pth"));
    let labels: String = (0..1000).map(|class| format!("class {class}\n")).collect();
    std::fs::write(folder.join("imagenet_labels.txt"), labels).unwrap();
    let photo = RgbImage::from_fn(90, 60, |x, y| Rgb([(2 * x) as u8, (3 * y) as u8, 90]));
    photo.save(folder.join("photo.jpg")).unwrap();
    std::fs::write(folder.join("few-steps.toml"), FEW_STEPS).unwrap();
}

/// Runs a line of the page in `folder`; returns what it printed.
fn run(line: &str, folder: &Path) -> String {
    assert!(!line.contains(['"', '\'', '\\', '|', '>', '$']), "this test has no shell: {line}");
    let mut words = line.split_whitespace();
    let mut command = match words.next() {
        Some("nestling") => nestling(),
        Some("nestling-device") => nestling_device(),
        other => panic!("the page runs {other:?}, which this test does not have: {line}"),
    };
    command.args(words).current_dir(folder);
    // Caches and profiles of this test are not the user's.
    command.env("XDG_CACHE_HOME", folder.join("cache"));
    for (_, more) in FEWER.iter().filter(|(start, _)| line.starts_with(start)) {
        command.args(*more);
    }
    let output = command.output().unwrap();
    let [out, errors] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "`{line}` fails with {command:?}\n{out}\n{errors}");
    out
}

#[test]
fn the_commands_of_the_guide_run_in_its_order() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    let commands = commands();
    for step in ["nestling scan", "nestling import", "nestling train", "nestling search", "nestling pack"] {
        assert!(commands.iter().any(|command| command.starts_with(step)), "no `{step}` in {commands:#?}");
    }
    let mut printed = Vec::new();
    for command in &commands {
        printed.push((command.as_str(), run(command, folder.path())));
    }
    let answer = |start: &str| &printed.iter().find(|(command, _)| command.starts_with(start)).unwrap().1;
    let bundle = Bundle::open(folder.path().join("my.nestling")).unwrap();
    assert_eq!(bundle.manifest().labels, CLASSES.map(|(class, _)| class));
    // The page promises pictures with the trainer's answers, and a device that gives the same.
    assert_eq!(bundle.golden_pictures().unwrap().unwrap().pictures.len(), 8);
    assert!(!answer("nestling-device self-test").contains("WRONG"), "{}", answer("nestling-device self-test"));
    let named = answer("nestling-device run");
    assert!(CLASSES.iter().any(|(class, _)| named.contains(class)), "{named}");
    // The scan's document lists what the page says it opens.
    let scan = std::fs::read_to_string(folder.path().join("scan.json")).unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&scan).unwrap()["pictures"], 60, "{scan}");
}
