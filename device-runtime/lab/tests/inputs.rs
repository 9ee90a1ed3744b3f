//! Several inputs of the program: each is read when its turn comes, and a bad one does not spoil the others.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nestling-device"));
    command.args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

/// The document of a call, and whether the call succeeded.
fn document(arguments: &[&str]) -> (Value, bool) {
    let output = run(&[arguments, &["--json"]].concat());
    let stderr = String::from_utf8_lossy(&output.stderr);
    let document = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {stderr}"));
    assert!(!stderr.contains("panicked"), "{stderr}");
    (document, output.status.success())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A folder with a bundle, good pictures and bad ones.
struct Inputs {
    folder: tempfile::TempDir,
    bundle: String,
}

impl Inputs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let bundle = text(&common::write_bundle(folder.path())).to_owned();
        let inputs = Self { folder, bundle };
        let rgb: Vec<u8> = (0..3).flat_map(common::pixels).collect();
        for name in ["good.png", "good.jpg"] {
            image::save_buffer(inputs.at(name), &rgb, 28, 28, image::ColorType::Rgb8).unwrap();
        }
        let whole = std::fs::read(inputs.at("good.jpg")).unwrap();
        std::fs::write(inputs.at("cut.jpg"), &whole[..whole.len() / 2]).unwrap();
        std::fs::write(inputs.at("empty.jpg"), []).unwrap();
        std::fs::write(inputs.at("page.jpg"), "<!DOCTYPE html><title>404</title>").unwrap();
        inputs
    }

    fn at(&self, name: &str) -> String {
        text(&self.folder.path().join(name)).to_owned()
    }
}

#[test]
fn a_bad_picture_is_named_with_its_reason_and_the_others_have_their_answers() {
    let inputs = Inputs::new();
    let names = ["good.png", "cut.jpg", "empty.jpg", "good.jpg", "missing.jpg", "page.jpg"];
    let paths = names.map(|name| inputs.at(name));
    let bundle = &inputs.bundle;
    let arguments: Vec<&str> = ["run", bundle].into_iter().chain(paths.iter().map(String::as_str)).collect();

    let (document, succeeded) = document(&arguments);
    assert!(!succeeded);
    let images = document["images"].as_array().unwrap();
    let codes: Vec<&Value> = images.iter().map(|image| &image["error"]["code"]).collect();
    let none = Value::Null;
    let [cut, format, open] = ["picture_cut_off", "picture_format", "picture_open"].map(Value::from);
    assert_eq!(codes, [&none, &cut, &format, &none, &open, &format]);
    for ((image, path), name) in images.iter().zip(&paths).zip(names) {
        assert_eq!(image["source"], path.as_str());
        if image["error"].is_null() {
            assert!(common::LABELS.contains(&image["label"].as_str().unwrap()), "{image}");
            assert_eq!(image["top"].as_array().unwrap().len(), 5);
        } else {
            assert!(image["error"]["message"].as_str().unwrap().contains(name), "{image}");
        }
    }
    assert_eq!(document["error"]["code"], "picture_cut_off");
    assert!(document["error"]["message"].as_str().unwrap().starts_with("4 of 6 failed; the first: "));

    let output = run(&arguments);
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1));
    for (name, path) in names.iter().zip(&paths) {
        let answered = stdout.lines().any(|line| line == path);
        let refused = stderr.lines().any(|line| line.starts_with("error: ") && line.contains(name));
        assert_eq!((answered, refused), (name.starts_with("good"), !name.starts_with("good")), "{stderr}");
    }
}

/// Pictures that are one by one put into a pipe: the answer for each comes before the next one is there.
#[cfg(unix)]
#[test]
fn each_answer_comes_before_the_next_picture_is_read() {
    let inputs = Inputs::new();
    let picture = std::fs::read(inputs.at("good.png")).unwrap();
    let pipes = [inputs.at("pipe-1"), inputs.at("pipe-2")];
    for pipe in &pipes {
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    }
    let mut child = program(&["run", &inputs.bundle, &pipes[0], &pipes[1]])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    for pipe in &pipes {
        std::fs::write(pipe, &picture).unwrap();
        assert!(lines.any(|line| line == *pipe), "no answer for {pipe}");
        assert_eq!(lines.by_ref().take(5).filter(|line| line.ends_with(" %")).count(), 5);
    }
    assert!(child.wait().unwrap().success());
}

#[test]
fn budgets_that_cannot_be_kept_leave_the_others_their_children() {
    let inputs = Inputs::new();
    let bundle = &inputs.bundle;
    let choose = ["choose", bundle, "--seconds", "0", "--budget-ms", "5000,0.000001,6000"];
    let (document, succeeded) = document(&choose);
    assert!(!succeeded);
    let budgets = document["budgets"].as_array().unwrap();
    assert_eq!((&budgets[0]["name"], &budgets[2]["name"]), (&"biggest".into(), &"biggest".into()));
    assert_eq!((&budgets[1]["budget_ms"], &budgets[1]["quantile"]), (&1e-6.into(), &"p90".into()));
    assert_eq!(budgets[1]["error"]["code"], "below_fastest");
    assert_eq!(document["error"]["code"], "below_fastest");

    let output = run(&choose);
    let (stdout, stderr) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout.lines().filter(|line| line.contains(" ms p90 ")).count(), 2, "{stdout}");
    assert!(stderr.contains("error: no shipped child keeps within"), "{stderr}");
}

#[test]
fn budgets_that_are_none_leave_the_others_their_children() {
    let inputs = Inputs::new();
    let bundle = &inputs.bundle;
    let choose = |budgets: &str, more: &[&str]| {
        document(&[&["choose", bundle, "--seconds", "0", &format!("--budget-ms={budgets}")][..], more].concat())
    };
    for (budgets, bad, number) in [
        ("5000,0,6000", "0", Value::from(0.0)),
        ("5000,nan", "nan", Value::Null),
        ("5000,,6000", "", Value::Null),
        ("5000, 6000,fast", "fast", Value::Null),
        ("-2,5000", "-2", Value::from(-2.0)),
        ("5000,inf", "inf", Value::Null),
    ] {
        let (document, succeeded) = choose(budgets, &[]);
        let rows = document["budgets"].as_array().unwrap();
        let (failed, done): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| !row["error"].is_null());
        assert!(!succeeded && failed.len() == 1 && done.len() == budgets.split(',').count() - 1, "{document}");
        assert!(done.iter().all(|row| row["name"] == "biggest"), "{document}");
        assert_eq!((&failed[0]["given"], &failed[0]["budget_ms"]), (&bad.into(), &number));
        for error in [&failed[0]["error"], &document["error"]] {
            assert_eq!(error["code"], "invalid_budget");
            assert!(error["message"].as_str().unwrap().contains(&format!("--budget-ms `{bad}`")), "{error}");
        }
        // The document can be read again.
        serde_json::from_value::<nestling_lab::documents::Choices>(document).unwrap();
    }
    let (unusable, succeeded) = choose("0,nan", &[]);
    assert!(!succeeded && unusable["error"]["code"] == "usage", "{unusable}");
    let message = unusable["error"]["message"].as_str().unwrap();
    assert!(message.contains("'0,nan'") && message.ends_with("such as 8 or 2.5"), "{message}");
}

#[test]
fn an_empty_name_leaves_the_others_their_answers() {
    let inputs = Inputs::new();
    let (document, succeeded) = document(&["run", &inputs.bundle, &inputs.at("good.png"), ""]);
    assert!(!succeeded && document["images"][0]["top"].is_array(), "{document}");
    assert_eq!(document["images"][1]["error"]["code"], "picture_open");
    assert!(document["images"][1]["error"]["message"].as_str().unwrap().contains("its name is empty"), "{document}");
}

/// Refused at once: nobody should believe that they had an effect.
#[test]
fn options_without_effect_are_refused() {
    let inputs = Inputs::new();
    let (bundle, picture) = (&inputs.bundle, &inputs.at("good.png"));
    for (arguments, named) in [
        (&["run", bundle, picture, "--labels", "none"][..], "--labels"),
        (&["run", bundle, picture, "--limit", "3"], "--limit"),
        (&["run", bundle, picture, "--profile", "none/x.json"], "--budget-ms"),
        (&["run", bundle, picture, "--quantile", "p50"], "--budget-ms"),
        (&["run", bundle, picture, "--seconds", "0"], "--budget-ms"),
        (&["run", bundle, picture, "--child", "biggest", "--profile", "x.json"], "--profile"),
        (&["run", bundle, "--images", "x", "--background", "000000"], "--background"),
        (&["run", bundle, "--images", "x", "--max-picture-mib", "1"], "--max-picture-mib"),
        (&["budgets", bundle, "--images", "x", "--labels", "y"], "--whole-space"),
    ] {
        let output = run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(named), "{arguments:?}: {said}");
    }
}

#[test]
fn remedies_are_the_flags_of_the_program() {
    let inputs = Inputs::new();
    let (bundle, picture) = (&inputs.bundle, &inputs.at("good.png"));
    // No system has both.
    let elsewhere = if cfg!(windows) { "metal" } else { "dx12" };
    let none = format!("no {elsewhere}, this build for {} has ", std::env::consts::OS);
    for (arguments, said) in [
        (&["run", bundle, picture, "--image-side", "8192"][..], "give a smaller --image-side"),
        (&["run", bundle, picture, "--backend", elsewhere], &none),
        (&["run", bundle, picture, "--adapter", ""], "with --adapter"),
        (&["info", "--adapter", ""], "with an empty name"),
        (&["info", "--adapter", "77"], "with the index 77"),
        (&["info", bundle, "--adapter", "zzz"], "whose name contains `zzz`"),
        (&["info", &inputs.at("empty.jpg")], "the bundle is empty"),
    ] {
        let (document, succeeded) = document(arguments);
        let message = document["error"]["message"].as_str().unwrap();
        assert!(!succeeded && message.contains(said) && !message.contains("Options::"), "{arguments:?}: {message}");
    }
}

#[test]
fn info_says_how_an_adapter_is_chosen() {
    let all = document(&["info"]).0["adapters"].take();
    let backend = all[0]["backend"].as_str().unwrap();
    let (one, _) = document(&["info", "--adapter", "0"]);
    assert_eq!(one["adapters"], serde_json::json!([all[0]]));
    let said = |arguments: &[&str]| String::from_utf8(run(arguments).stdout).unwrap();
    assert!(said(&["info"]).contains("choose one with --adapter INDEX"));
    let of_backend = said(&["info", "--backend", backend]);
    assert!(of_backend.contains(&format!("with --backend {backend} --adapter INDEX")), "{of_backend}");
    let elsewhere = said(&["info", "--backend", if cfg!(windows) { "metal" } else { "dx12" }]);
    assert!(elsewhere.contains("none: ") && elsewhere.contains("this build for"), "{elsewhere}");
}

#[test]
fn a_child_that_does_not_ship_leaves_the_others_their_times() {
    let inputs = Inputs::new();
    let bundle = &inputs.bundle;
    let bench =
        ["bench", bundle, "--seconds", "1", "--whole-only", "--child", "pareto-1", "--child", "middle", "--child"];
    let (document, succeeded) = document(&[&bench[..], &["biggest"]].concat());
    assert!(!succeeded);
    let children = document["children"].as_array().unwrap();
    assert_eq!((&children[1]["name"], &children[1]["error"]["code"]), (&"middle".into(), &"unknown_child".into()));
    assert!(children[0]["p50_ms"].as_f64().unwrap() > 0.0 && children[2]["p50_ms"].as_f64().unwrap() > 0.0);
    assert_eq!(document["error"]["code"], "unknown_child");
}

#[test]
fn an_image_of_a_class_without_a_label_leaves_the_others_their_answers() {
    let inputs = Inputs::new();
    let mut images = [&[0u8, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28][..]].concat();
    images.extend((0..2).flat_map(common::pixels));
    std::fs::write(inputs.at("images"), images).unwrap();
    std::fs::write(inputs.at("labels"), [0, 0, 8, 1, 0, 0, 0, 2, 77, 9]).unwrap();
    let (bundle, [images, labels]) = (&inputs.bundle, ["images", "labels"].map(|name| inputs.at(name)));
    let (document, succeeded) = document(&["classify", bundle, "--images", &images, "--labels", &labels]);
    assert!(!succeeded);
    assert!(document["images"][0]["error"]["message"].as_str().unwrap().contains("image 0 has class 77"), "{document}");
    assert_eq!((&document["images"][1]["expected"], &document["labelled"]), (&common::LABELS[9].into(), &1.into()));
}

#[test]
fn the_background_of_transparent_pixels_can_be_chosen() {
    let inputs = Inputs::new();
    let pixels = common::pixels(0);
    let pixel = |x: u32, y: u32| image::Rgba([pixels[(28 * y + x) as usize], 0, 0, if x < 14 { 0 } else { 255 }]);
    image::RgbaImage::from_fn(28, 28, pixel).save(inputs.at("cut-out.png")).unwrap();
    let bundle = &inputs.bundle;
    let answer = |flags: &[&str]| {
        let (mut document, succeeded) = document(&[&["run", bundle, &inputs.at("cut-out.png")], flags].concat());
        assert!(succeeded, "{document}");
        document["images"][0]["top"].take()
    };
    let white = answer(&[]);
    assert_eq!(answer(&["--background", "FFFFFF"]), white);
    assert_ne!(answer(&["--background", "#000000"]), white);
    for wrong in ["white", "ff", "12345g", "+12345"] {
        let output = run(&["run", bundle, &inputs.at("cut-out.png"), "--background", wrong]);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains("six hexadecimal digits"), "{wrong}");
    }
}
