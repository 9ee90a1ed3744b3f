//! Golden pictures of a bundle against this device: right as they are, wrong with one logit changed.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, RgbImage};
use nestling_bundle::{Bundle, GoldenChild, GoldenPicture, GoldenPictures};
use nestling_core::image::{Fit, preprocess};
use nestling_core::reference::{SharedWeights, forward};
use nestling_core::weights::WeightStorage;
use nestling_lab::doctor::Doctor;
use nestling_lab::self_test::SelfTestReport;
use nestling_pictures::{Picture, PictureOptions};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A drawing that is another one upside down or mirrored.
fn drawing() -> DynamicImage {
    let pixel = |column: u32, row: u32| image::Rgb([(5 * column) as u8, (7 * row) as u8, (column * row / 4) as u8]);
    RgbImage::from_fn(50, 35, pixel).into()
}

fn jpeg(orientation: u8) -> Vec<u8> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 95).encode_image(&drawing()).unwrap();
    // TIFF, little-endian, one entry: tag 0x112, one short.
    let tag =
        [&b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"[..], &[orientation, 0, 0, 0, 0, 0, 0, 0]].concat();
    let length = (2 + tag.len() as u16).to_be_bytes();
    [&file[..2], &[0xff, 0xe1], &length, &tag, &file[2..]].concat()
}

fn png() -> Vec<u8> {
    let mut file = std::io::Cursor::new(Vec::new());
    drawing().rotate90().write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

/// Golden pictures with the logits of the f64 reference, for the smallest and the biggest child.
fn golden(bundle: &Bundle) -> GoldenPictures {
    let pictures: Vec<GoldenPicture> = [("lying.jpg", jpeg(6)), ("plain.png", png()), ("mirrored.jpg", jpeg(2))]
        .map(|(name, bytes)| GoldenPicture { name: name.into(), bytes })
        .into();
    let weights = bundle.weights().unwrap();
    let shared = SharedWeights { layout: bundle.layout(), values: &weights };
    let preprocessing = &bundle.manifest().preprocessing;
    let options = PictureOptions::for_fit(preprocessing.fit);
    let children = ["smallest", "biggest"].map(|name| {
        let child = bundle.child(name).unwrap();
        let logits = pictures.iter().map(|picture| {
            let picture = Picture::decode_with(&picture.bytes, &options).unwrap();
            let tensor = preprocess(&picture.image(), preprocessing, child.network.child.resolution);
            let outputs = forward(child.network, &shared, child.calibrated.statistics(), &tensor);
            outputs.last().unwrap().iter().map(|&logit| logit as f32).collect()
        });
        GoldenChild { child: name.into(), logits: logits.collect() }
    });
    GoldenPictures { pictures, children: children.into() }
}

fn write(folder: &Path, bundle: &Bundle, golden: &GoldenPictures) -> PathBuf {
    let path = folder.join("golden.nestling");
    std::fs::write(&path, bundle.with_golden_pictures(Some(golden)).unwrap()).unwrap();
    path
}

/// The exit code, what is printed for people and the document.
fn self_test(bundle: &Path, more: &[&str]) -> (i32, String, Value) {
    let run = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nestling-device"));
        command.args(["self-test", bundle.to_str().unwrap()]).args(more).output().unwrap()
    };
    let (people, programs) = (run(more), run(&[more, &["--json"]].concat()));
    assert_eq!(people.status, programs.status);
    let document = serde_json::from_slice(&programs.stdout).unwrap();
    (people.status.code().unwrap(), String::from_utf8(people.stdout).unwrap(), document)
}

#[test]
fn right_answers_pass_whatever_the_fit_and_the_storage() {
    let folder = tempfile::tempdir().unwrap();
    for (fit, storage) in
        [(Fit::Crop, WeightStorage::Int8), (Fit::Pad, WeightStorage::F32), (Fit::Squash, WeightStorage::F16)]
    {
        let bundle = common::repacked(&common::bundle_as(storage), |manifest| manifest.preprocessing.fit = fit);
        let path = write(folder.path(), &bundle, &golden(&bundle));
        let (code, text, document) = self_test(&path, &[]);
        assert_eq!((code, document.get("error")), (0, None), "{fit}, {storage}: {text}");
        assert!(
            text.contains("6 of 6 answers are the trainer's, within 1.0e-3") && text.contains("lying.jpg"),
            "{text}"
        );
        let report: SelfTestReport = serde_json::from_value(document).unwrap();
        assert_eq!((report.answers.len(), report.wrong, report.tolerance), (6, 0, 1e-3));
        let worst = report.answers.iter().map(|answer| answer.relative).fold(0.0, f64::max);
        assert!(worst < 1e-4, "{fit}, {storage}: {worst}");
    }
}

#[test]
fn a_changed_logit_is_found_and_its_picture_and_child_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::bundle();
    let mut golden = golden(&bundle);
    let logit = golden.children[1].logits[2].iter_mut().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap();
    *logit *= 1.01;
    let path = write(folder.path(), &bundle, &golden);
    let (code, text, document) = self_test(&path, &[]);
    assert_eq!((code, &document["error"]["code"]), (1, &Value::from("self_test_wrong")));
    assert!(text.contains("5 of 6 answers are the trainer's"), "{text}");
    let wrong = text.lines().find(|line| line.ends_with("WRONG")).unwrap();
    assert!(wrong.contains("mirrored.jpg") && wrong.contains("biggest"), "{text}");
    let message = document["error"]["message"].as_str().unwrap();
    assert!(message.contains("child `biggest`") && message.contains("picture `mirrored.jpg`"), "{message}");
    let report: SelfTestReport = serde_json::from_value(document).unwrap();
    let right: Vec<bool> = report.answers.iter().map(|answer| answer.is_right).collect();
    assert_eq!(right, [true, true, true, true, true, false]);
    // Weights that the device rounds itself may be so far off.
    let (code, text, document) = self_test(&path, &["--weight-storage", "int8"]);
    assert_eq!((code, document["tolerance"].as_f64()), (0, Some(0.101)), "{text}");
}

/// As much time as a busy machine needs.
const ALL: &[&str] = &["--seconds", "300"];

/// The exit code and the document of `doctor`.
fn doctor(bundle: &Path, more: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nestling-device"));
    let output = command.arg("doctor").arg(bundle).args(more).arg("--json").output().unwrap();
    (output.status.code().unwrap(), serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn a_doctor_compares_everything_and_finds_a_changed_logit() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::bundle();
    let mut golden = golden(&bundle);
    let path = write(folder.path(), &bundle, &golden);
    let (code, document) = doctor(&path, ALL);
    let found: Doctor = serde_json::from_value(document.clone()).unwrap();
    assert_eq!((code, found.deviations, found.skipped, document.get("error")), (0, 0, 0, None), "{document}");
    assert!(found.checks.iter().all(nestling::Check::is_right), "{document}");
    let names = |part: &str| found.checks.iter().filter(|check| check.name.contains(part)).count();
    assert!(names("kernel `") >= 8 && names("golden pictures") == 1 && names("200 times") == 1, "{document}");
    golden.children[0].logits[1][3] += 1.0;
    let (code, document) = doctor(&write(folder.path(), &bundle, &golden), ALL);
    assert_eq!((code, &document["error"]["code"]), (1, &Value::from("device_wrong")));
    let found: Doctor = serde_json::from_value(document).unwrap();
    let wrong: Vec<_> = found.checks.iter().filter(|check| check.deviations > 0).collect();
    assert!(wrong.len() == 1 && wrong[0].first.as_ref().unwrap().contains("plain.png"), "{wrong:?}");
}

/// A doctor that is given no time ends within twenty seconds, also beside other tests.
#[test]
fn a_doctor_ends_in_twenty_seconds() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::bundle();
    let (code, document) = doctor(&write(folder.path(), &bundle, &golden(&bundle)), &[]);
    let found: Doctor = serde_json::from_value(document.clone()).unwrap();
    assert_eq!((code, found.deviations), (0, 0), "{document}");
    assert!(found.seconds <= 20.0 && found.checks.iter().all(|check| check.cases + check.skipped > 0), "{document}");
}

#[test]
fn a_picture_that_is_turned_another_way_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::bundle();
    let mut golden = golden(&bundle);
    golden.pictures[0].bytes = jpeg(8);
    let (code, text, _) = self_test(&write(folder.path(), &bundle, &golden), &[]);
    let wrong: Vec<&str> = text.lines().filter(|line| line.ends_with("WRONG")).collect();
    assert_eq!((code, wrong.len()), (1, 2), "{text}");
    assert!(wrong.iter().all(|line| line.contains("lying.jpg")), "{text}");
}

#[test]
fn a_picture_that_is_none_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::bundle();
    let mut golden = golden(&bundle);
    golden.pictures[1].bytes.truncate(60);
    let (code, _, document) = self_test(&write(folder.path(), &bundle, &golden), &[]);
    let message = document["error"]["message"].as_str().unwrap();
    assert!(code == 1 && message.contains("golden picture `plain.png`"), "{message}");
    assert!(document["error"]["code"].as_str().unwrap().starts_with("picture_"), "{document}");
}
