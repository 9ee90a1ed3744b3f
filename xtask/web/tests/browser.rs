//! The package for browsers in a headless Chromium, beside the native SDK.
//!
//! `cargo xtask web` builds what is tested here, and `cargo xtask setup --web` installs the browser.

#![allow(clippy::unwrap_used, reason = "a test's helpers may panic too")]

mod common;

use common::root;
use nestling::{Bundle, Picture, Runtime, RuntimeOptions};
use nestling_web_tool::browser::Browser;
use nestling_web_tool::pack;
use nestling_web_tool::server::Server;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// Largest difference of a logit, over the largest logit of the picture: as for golden pictures.
const TOLERANCE: f64 = 1e-3;

const PICTURES: [&str; 10] =
    ["ankle-boot", "bag", "coat", "dress", "pullover", "sandal", "shirt", "sneaker", "t-shirt", "trouser"];

/// A browser on an empty page.
fn browser() -> (Browser, Server) {
    common::browser("test.html", &[])
}

/// The result of a check of `pages/checks.js`.
fn check(browser: &mut Browser, call: &str) -> Value {
    let expression = format!("import('/checks.js').then(checks => checks.{call})");
    browser.evaluate(&expression, Duration::from_secs(120)).unwrap()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|one| one.as_f64().unwrap()).collect()
}

fn top(logits: &[f64]) -> usize {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b])).unwrap()
}

/// The active child's logits for a picture.
fn native(runtime: &Runtime, name: &str) -> Vec<f64> {
    let path = root().join("examples/assets").join(format!("{name}.png"));
    let picture = Picture::decode(&std::fs::read(path).unwrap()).unwrap();
    runtime.logits(picture.image()).unwrap().into_iter().map(f64::from).collect()
}

/// The largest difference over the largest value.
fn difference(ours: &[f64], theirs: &[f64]) -> f64 {
    let largest = theirs.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    assert_eq!(ours.len(), theirs.len());
    ours.iter().zip(theirs).map(|(ours, theirs)| (ours - theirs).abs()).fold(0.0, f64::max) / largest
}

#[test]
fn logits_are_those_of_the_native_runtime() {
    let bundle = Bundle::open(root().join("examples/assets/fashion.nestling")).unwrap();
    let runtime = Runtime::open(&bundle, &RuntimeOptions::default()).unwrap();
    let (mut browser, _server) = browser();
    let outcome = check(&mut browser, &format!("logits({PICTURES:?})"));
    assert_eq!(outcome["adapter"]["backend"], "webgpu", "{outcome}");
    assert_eq!(outcome["bundle"]["labels"].as_array().unwrap().len(), 10);
    assert_eq!(outcome["bundle"]["networkId"], bundle.network_id().to_string());
    let mut worst = 0.0_f64;
    for child in runtime.children() {
        runtime.switch_to(&child.name).unwrap();
        for name in PICTURES {
            let native = native(&runtime, name);
            let web = numbers(&outcome["all"][&child.name][name]);
            let off = difference(&web, &native);
            assert!(off <= TOLERANCE, "{name} by {}: {off}\n{web:?}\n{native:?}", child.name);
            assert_eq!(top(&web), top(&native), "{name} by {}", child.name);
            worst = worst.max(off);
        }
    }
    println!("largest difference of a logit, over the largest of its picture: {worst:.1e}");
}

/// The bundle that the server has.
fn bundle() -> PathBuf {
    pack::site_folder(&root()).join("assets/fashion.nestling")
}

/// Bytes of the bundle until its smallest child can answer.
fn first_part() -> usize {
    let bytes = std::fs::read(bundle()).unwrap();
    let mut stream = nestling::BundleStream::default();
    let last = bytes.iter().position(|byte| {
        stream.push(&[*byte]).unwrap();
        stream.arrived_children() > 0
    });
    last.unwrap() + 1
}

#[test]
fn a_network_that_breaks_leaves_the_early_child_and_no_half_bundle() {
    let (mut browser, _server) = browser();
    let outcome = check(&mut browser, &format!("brokenNetwork({}, 'coat')", first_part()));
    for name in ["atOnce", "refreshed", "whole"] {
        assert_eq!(outcome[name]["code"], "bundle_open", "{outcome}");
        assert!(outcome[name]["message"].as_str().unwrap().contains("check its address and the network"), "{outcome}");
    }
    assert_eq!((&outcome["refused"]["code"], &outcome["kept"]), (&json!("not_arrived"), &json!(0)), "{outcome}");
    assert_eq!((&outcome["children"], &outcome["same"]), (&json!(10), &outcome["smallest"]));
}

#[test]
fn a_bundle_is_used_before_it_is_whole() {
    let (first, bytes) = (first_part(), std::fs::metadata(bundle()).unwrap().len());
    println!("first answer after {:.1} % of {bytes} bytes", 100.0 * first as f64 / bytes as f64);
    let (mut browser, _server) = browser();
    let outcome = check(&mut browser, &format!("bundleIsUsedBeforeItIsWhole({first}, 'coat')"));
    assert_eq!((&outcome["early"], &outcome["refused"]["code"]), (&json!(["smallest"]), &json!("not_arrived")));
    assert_eq!((&outcome["children"], outcome["grown"].as_array().unwrap().last()), (&json!(10), Some(&json!(10))));
    for made in ["buffers", "bindGroups", "pipelines"] {
        assert_eq!(outcome["before"][made], outcome["after"][made], "{made}");
    }
    let runtime = Runtime::open(&Bundle::open(bundle()).unwrap(), &RuntimeOptions::default()).unwrap();
    for child in ["smallest", "biggest"] {
        runtime.switch_to(child).unwrap();
        let theirs = native(&runtime, "coat");
        assert!(difference(&numbers(&outcome[child]), &theirs) < 1e-3, "{child}");
    }
}

#[test]
fn a_bundle_is_streamed_with_progress_and_kept() {
    let (mut browser, server) = browser();
    let outcome = check(&mut browser, "bundleIsStreamedAndKept()");
    let bytes = std::fs::metadata(bundle()).unwrap().len();
    for (look, phase) in [(0, "fetching the bundle"), (1, "reading the kept bundle")] {
        let seen = outcome["looks"][look].as_array().unwrap();
        let parts: Vec<&Value> = seen.iter().filter(|one| one["phase"] == phase).collect();
        let fractions: Vec<f64> = parts.iter().map(|one| one["fraction"].as_f64().unwrap()).collect();
        assert!(fractions.is_sorted() && fractions.last() == Some(&1.0), "{phase}: {seen:?}");
        let last = parts.last().unwrap();
        assert_eq!((&last["loadedBytes"], &last["totalBytes"]), (&bytes.into(), &bytes.into()));
        assert_eq!(seen.last().unwrap()["phase"], "opening the GPU");
    }
    assert_eq!(outcome["kept"][0], server.url("assets/fashion.nestling"));
}

#[test]
fn a_profile_is_measured_once_and_children_are_chosen_by_it() {
    let (mut browser, _server) = browser();
    let outcome = check(&mut browser, "profileAndChoices()");
    let seen = outcome["seen"].as_array().unwrap();
    assert!(seen.len() > 3 && seen.iter().any(|one| one["phase"] == "timing informative children"), "{seen:?}");
    let new = |name: &str| (outcome[name]["isNew"].as_bool().unwrap(), outcome[name]["isKept"].as_bool().unwrap());
    assert_eq!((new("measured"), new("again"), new("third")), ((true, true), (false, true), (false, true)));
    assert!(outcome["hadProfile"] == true && outcome["isSame"] == true, "{outcome}");
    let [tight, wide] = [&outcome["choices"][0], &outcome["choices"][1]];
    for choice in [tight, wide] {
        let (measured, budget) = (choice["measured"]["p95"].as_f64().unwrap(), choice["budgetMs"].as_f64().unwrap());
        assert!(measured > 0.0 && measured <= budget && choice["quantile"] == 95, "{choice}");
        assert!(choice["why"].as_str().unwrap().contains("keeps within"), "{choice}");
    }
    assert!(wide["accuracy"].as_f64() >= tight["accuracy"].as_f64(), "{tight} {wide}");
    assert_eq!(outcome["active"], wide["child"]);
    let error = &outcome["tooTight"];
    assert_eq!((&error["code"], &error["isOurs"]), (&"below_fastest".into(), &true.into()));
    assert!(error["neededMs"].as_f64().unwrap() > 0.0 && error["fastest"].is_string(), "{error}");
    let children = outcome["children"].as_array().unwrap();
    assert!(children.iter().all(|child| child["predictedMs"].as_f64().unwrap() > 0.0), "{children:?}");
    assert!(children.iter().any(|child| child["measured"]["p90"].is_f64()), "{children:?}");
}

#[test]
fn a_switch_copies_nothing() {
    let (mut browser, _server) = browser();
    let outcome = check(&mut browser, "switches()");
    assert_eq!(outcome["before"], outcome["between"], "a hundred switches");
    for kind in ["weightBytesUploaded", "parameterBytesUploaded", "buffers", "bindGroups", "pipelines"] {
        assert_eq!(outcome["between"][kind], outcome["after"][kind], "{kind}");
    }
    assert!(outcome["after"]["inputBytesUploaded"].as_u64() > outcome["before"]["inputBytesUploaded"].as_u64());
    let mut took = numbers(&outcome["took"]);
    took.sort_by(f64::total_cmp);
    println!("median of a switch: {:.0} microseconds", took[50]);
    assert!(took[50] < 1000.0, "{took:?}");
    let layers = outcome["layers"]["layers"].as_array().unwrap();
    assert!(layers.len() > 5 && layers.iter().all(|one| one["ms"].as_f64().unwrap() >= 0.0), "{layers:?}");
    assert!(layers.iter().map(|one| one["madds"].as_u64().unwrap()).sum::<u64>() > 0);
    assert!(
        outcome["time"]["p50"].as_f64().unwrap() > 0.0
            && outcome["time"]["p90"].as_f64() <= outcome["time"]["p95"].as_f64()
    );
}

#[test]
fn a_lost_device_is_opened_again_once() {
    let (mut browser, _server) = browser();
    let outcome = check(&mut browser, "lostDevice()");
    let label = |name: &str| outcome[name]["guesses"][0]["label"].clone();
    assert_eq!(
        (label("before"), label("after"), label("governed")),
        ("sandal".into(), "sandal".into(), "sandal".into())
    );
    assert!(outcome["during"].as_array().unwrap().iter().all(|label| label == "sandal"), "{outcome}");
    assert_eq!(outcome["stays"], true);
    let told = outcome["told"].as_array().unwrap();
    assert!(told.len() == 1 && told[0][0] == "device_lost", "{told:?}");
    assert_eq!((&outcome["second"]["code"], &outcome["second"]["isOurs"]), (&"device_lost".into(), &true.into()));
}

#[test]
fn a_crash_of_the_browsers_gpu_process_is_survived() {
    let (mut browser, _server) = browser();
    assert_eq!(check(&mut browser, "beforeCrash()"), "dress");
    browser.call_browser("Browser.crashGpuProcess", json!({}), Duration::from_secs(20)).unwrap();
    let outcome = check(&mut browser, "afterCrash()");
    assert_eq!(outcome["labels"], json!(["dress", "dress", "dress"]), "{outcome}");
    assert_eq!((&outcome["told"], &outcome["failed"]), (&json!(["device_lost"]), &json!([])), "{outcome}");
}

#[test]
fn a_governor_serves() {
    let (mut browser, _server) = browser();
    let outcome = check(&mut browser, "governor()");
    assert!(outcome["labels"].as_array().unwrap().iter().all(|label| label == "bag"), "{outcome}");
    assert_eq!(outcome["state"]["limitMs"], 5000);
    assert!(outcome["state"]["child"].is_string() && outcome["state"]["isTooSlow"] == false, "{outcome}");
    assert_eq!(
        (&outcome["wrong"][0]["code"], &outcome["wrong"][1]["code"]),
        (&"usage".into(), &"governor_no_duration".into())
    );
    assert_eq!(outcome["closed"]["code"], "closed");
}

#[test]
fn every_kind_of_image_gives_the_same_answer() {
    let (mut browser, _server) = browser();
    let outcome = check(&mut browser, "everyKindOfImage()");
    let blob = numbers(&outcome["all"]["blob"]);
    for (kind, logits) in outcome["all"].as_object().unwrap() {
        // The colours of a video frame are converted; of the others no pixel changes.
        let most = if kind == "frame" { 0.05 } else { 1e-6 };
        let off = difference(&numbers(logits), &blob);
        assert!(off <= most, "{kind}: {off}");
    }
    assert_eq!(outcome["photo"]["guesses"][0]["label"], "trouser", "{}", outcome["photo"]);
    assert!(outcome["photo"]["milliseconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn wrong_calls_have_their_codes() {
    let (mut browser, _server) = browser();
    let outcome = check(&mut browser, "errors()");
    assert_eq!(outcome["reason"], "enough");
    assert_eq!(outcome["budgets"], 3);
    for name in ["no_argument", "no_bytes"] {
        assert_eq!(outcome[name]["name"], "TypeError", "{name}");
    }
    for (name, error) in outcome.as_object().unwrap() {
        let expected = match &**name {
            "no_image" => "picture_format",
            "no_runs" | "no_top" | "no_name" | "no_width" | "no_frame" | "no_bitmap" => "usage",
            code => code,
        };
        if error.is_object() && error["name"] != "TypeError" {
            assert_eq!((&error["code"], &error["isOurs"]), (&expected.into(), &true.into()), "{name}: {error}");
            assert!(error["message"].as_str().unwrap().len() > 10, "{error}");
        }
    }
}
