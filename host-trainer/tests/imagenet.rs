//! The paper's recipe on a small folder in ImageNet's layout: its plan, and real steps at Table 1's own sizes.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{fail, json, nestling, succeed};
use image::{DynamicImage, ImageFormat, RgbImage};
use nestling_bundle::Bundle;
use nestling_train::data::{Policy, Shares};
use nestling_train::train::{Checkpoint, UpdateRule};
use serde_json::Value;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

const CLASSES: [&str; 3] = ["n01440764", "n02102040", "n03888257"];

/// Sides of the pictures, as ImageNet's differ.
const SIZES: [[u32; 2]; 4] = [[500, 375], [333, 500], [120, 90], [400, 400]];

/// A coloured pattern, another one for each number.
fn pattern(number: u32, [width, height]: [u32; 2]) -> DynamicImage {
    let wave = |at: u32, channel: u32| {
        let phase = f64::from(at * (channel + 1)) * (0.02 + 0.011 * f64::from(number % 7)) + f64::from(number);
        127.5 + 120.0 * phase.sin()
    };
    RgbImage::from_fn(width, height, |x, y| {
        let value = |channel: u32| ((wave(x, channel) + wave(y + 31 * number, 2 - channel)) / 2.0) as u8;
        image::Rgb([value(0), value(1), value(2)])
    })
    .into()
}

fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// A JPEG of four colours, all in the middle: a grey one whose frame and scan name four components.
fn cmyk_jpeg(blocks: u16) -> Vec<u8> {
    let grey = encoded(&DynamicImage::from(image::GrayImage::from_pixel(8, 8, image::Luma([128]))), ImageFormat::Jpeg);
    let at = |marker: u8| grey.windows(2).position(|pair| pair == [0xff, marker]).unwrap();
    let end = |segment: usize| segment + 2 + usize::from(u16::from_be_bytes([grey[segment + 2], grey[segment + 3]]));
    let (frame, scan) = (at(0xc0), at(0xda));
    let side = (8 * blocks).to_be_bytes();
    let ids = 1..=4u8;
    let sizes = [20, 8, side[0], side[1], side[0], side[1], 4];
    let new_frame: Vec<u8> =
        [0xff, 0xc0, 0].into_iter().chain(sizes).chain(ids.clone().flat_map(|id| [id, 0x11, 0])).collect();
    let new_scan: Vec<u8> =
        [0xff, 0xda, 0, 14, 4].into_iter().chain(ids.flat_map(|id| [id, 0])).chain([0, 63, 0]).collect();
    // Six bits a block say "the same mean, nothing else", as in the standard's tables.
    let data = [0x28, 0xa2, 0x8a].repeat(usize::from(blocks) * usize::from(blocks));
    [&grey[..frame], &new_frame, &grey[end(frame)..scan], &new_scan, &data, b"\xff\xd9"].concat()
}

/// Four training and two validation pictures of each class. One is a PNG by its contents, one has four colours.
fn write_imagenet(root: &Path) {
    let mut number = 0;
    for (part, count) in [("train", 4), ("val", 2)] {
        for class in CLASSES {
            let folder = root.join(part).join(class);
            std::fs::create_dir_all(&folder).unwrap();
            for at in 0..count {
                number += 1;
                let picture = pattern(number, SIZES[number as usize % SIZES.len()]);
                let bytes = match number {
                    3 => encoded(&picture, ImageFormat::Png),
                    4 => cmyk_jpeg(40),
                    _ => encoded(&picture, ImageFormat::Jpeg),
                };
                std::fs::write(folder.join(format!("{class}_{at}.JPEG")), bytes).unwrap();
            }
        }
    }
}

/// A folder with pictures, and a configuration with `keys`.
fn place(keys: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    write_imagenet(&place.path().join("imagenet"));
    std::fs::write(place.path().join("config.toml"), keys).unwrap();
    place
}

/// The recipe's own values but for these: two steps an epoch.
const KEYS: &str = "batch_size = 4\nworkers = 1\nepochs = 2\nprobe_calibration = 4\nprobe_images = 2\n";

fn step(place: &Path, step: &str) -> Command {
    let mut command = nestling([step, "--run"]);
    command.arg(place.join("run")).arg("--cache").arg(place.join("cache")).arg("--data").arg(place.join("imagenet"));
    command
}

fn train(place: &Path) -> Command {
    let mut command = step(place, "train");
    command.arg("--config").arg(place.join("config.toml"));
    command
}

fn recipe(place: &Path) -> Command {
    let mut command = train(place);
    command.args(["--recipe", "bignas-imagenet"]);
    command
}

fn checkpoint(place: &Path) -> Checkpoint {
    Checkpoint::read(&place.join("run/checkpoint.safetensors")).unwrap()
}

#[test]
fn a_dry_run_plans_and_writes_nothing() {
    let place = place(KEYS);
    let place = place.path();
    let document = json(recipe(place).arg("--dry-run"));
    let plan = &document["dry_run"];
    // A picture of each class validates, and those of `val` test.
    assert_eq!([&plan["training"], &plan["held_out"], &plan["test"]], [9, 3, 6].map(Value::from).each_ref());
    let note = plan["data"]["notes"][0].as_str().unwrap();
    assert!(note.contains("6 validation pictures of the data set test") && note.contains("3 of its 12"), "{note}");
    let estimate = &plan["estimate"];
    assert_eq!([&estimate["steps_per_epoch"], &estimate["steps"]], [2, 4].map(Value::from).each_ref());
    // Table 1's biggest child at 320 px, without the classifier's outputs beyond the third.
    let madds = estimate["step"]["biggest"]["madds"].as_f64().unwrap() / 1e6;
    assert!((madds - (1843.0 - 997.0 * 1408.0 / 1e6)).abs() < 0.05, "{madds}");
    assert_eq!((&plan["images_per_s_from"], &estimate["images_per_s"]), (&"target".into(), &800.0.into()));
    assert_eq!(
        [&plan["config"]["space"]["classes"], &plan["config"]["batch_size"]],
        [3, 4].map(Value::from).each_ref()
    );
    let text = succeed(recipe(place).args(["--dry-run", "--images-per-s", "12"])).stdout;
    let text = String::from_utf8_lossy(&text);
    for part in ["9 train, 3 validate, 6 test", "at 12 images/s (as given)", "[space]", "in 80 GB"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let left: Vec<_> = place.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
}

#[test]
fn a_dry_run_knows_what_the_training_would_refuse() {
    let place = place(&KEYS.replace("batch_size = 4", "batch_size = 10"));
    let message = fail(recipe(place.path()).arg("--dry-run"));
    assert!(message.contains("9 training images are fewer than one batch of 10"), "{message}");
    let output = recipe(place.path()).args(["--dry-run", "--images-per-s", "0"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("above 0"), "{output:?}");
}

#[test]
fn the_recipe_takes_real_steps_at_its_own_sizes_and_goes_on() {
    let place = place(KEYS);
    let place = place.path();
    let document = json(recipe(place).args(["--stop-after", "1"]));
    let run = checkpoint(place);
    assert_eq!((run.step, run.split.unwrap().shares), (2, Shares::VALIDATION_TESTS));
    assert_eq!(run.config.space.resolutions, [192, 224, 256, 288, 320]);
    assert_eq!((run.config.optimiser, run.square.is_some()), (UpdateRule::Rmsprop, true));
    assert_eq!((run.config.dropout, run.config.stochastic_depth), (0.2, 0.2));
    assert_eq!(run.config.augmentation.policy, Policy::AutoAugmentV0);
    for loss in ["biggest_loss", "smallest_divergence"] {
        let loss = document["epochs"][0][loss].as_f64().unwrap();
        assert!(loss.is_finite() && loss > 0.0, "{document}");
    }
    // Four colours are read; a PNG under another name is used, and told.
    let scan: Value = serde_json::from_slice(&std::fs::read(place.join("run/scan.json")).unwrap()).unwrap();
    assert_eq!((&scan["pictures"], scan["faults"].as_array().unwrap().len()), (&18.into(), 1), "{scan}");
    assert_eq!(scan["faults"][0]["path"], "train/n01440764/n01440764_2.JPEG");
    let document = json(&mut train(place));
    assert_eq!(document["epochs"].as_array().unwrap().len(), 2);
    let after = checkpoint(place);
    assert_eq!((after.step, after.images), (4, run.images));
    assert!(after.weights.iter().all(|weight| weight.is_finite()) && after.weights != run.weights);
}

#[test]
fn run_and_bundle_keep_the_validation_pictures_for_the_test() {
    let keys = "epochs = 1\nbatch_size = 4\nworkers = 1\nprobe_calibration = 4\nprobe_images = 3\n";
    let place = place(&[keys, common::SPACE].concat());
    let place = place.path();
    let told = |command: &mut Command| String::from_utf8_lossy(&succeed(command).stderr).into_owned();
    let said = told(train(place).args(["--test-on", "val"]));
    assert!(said.contains("the 6 validation pictures of the data set test"), "{said}");
    assert_eq!(checkpoint(place).split.unwrap().shares, Shares::VALIDATION_TESTS);
    let message = fail(train(place).args(["--test-on", "drawn"]));
    assert!(message.contains("has begun with --test-on val: leave out --test-on"), "{message}");
    let flags = ["--fine", "0", "--random", "0", "--random-held-out", "0", "--calibration", "4"];
    let said = told(step(place, "search").args(flags));
    assert!(said.contains("the 6 validation pictures of the data set test"), "{said}");
    let bundle = place.join("my.nestling");
    succeed(step(place, "pack").arg("--output").arg(&bundle));
    let split = Bundle::open(&bundle).unwrap().manifest().split.clone().unwrap();
    assert_eq!((split.held_out, split.test), (0.01, 0.0));
    let mut eval = nestling(["eval"]);
    eval.arg(&bundle).arg("--cache").arg(place.join("cache")).arg("--data").arg(place.join("imagenet"));
    let said = told(&mut eval);
    assert!(said.contains("none that is tested was trained on"), "{said}");
}
