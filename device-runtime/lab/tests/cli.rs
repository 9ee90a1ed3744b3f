//! The program as a user runs it.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;
#[path = "../../runtime/src/gpu/require.rs"]
mod require;

use nestling_bundle::{Bundle, DeviceProfile};
use nestling_core::weights::WeightStorage;
use require::Feature;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nestling-device")).args(arguments).output().unwrap()
}

fn json(arguments: &[&str]) -> Value {
    let output = run(&[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(arguments: &[&str], code: i32, expected: &str) {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    // Drivers may write to stderr too, hence any line.
    let said = stderr.lines().any(|line| line.starts_with("error: ") && line.contains(expected));
    assert!(
        (said || code == 2 && stderr.contains(expected)) && !stderr.contains("panicked"),
        "{arguments:?}: {stderr}"
    );
    assert!(output.stdout.is_empty());
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A colour picture and a data set of two images.
fn write_images(folder: &Path) {
    let rgb: Vec<u8> = (0..3).flat_map(common::pixels).collect();
    for name in ["noise.png", "noise.jpg"] {
        image::save_buffer(folder.join(name), &rgb, 28, 28, image::ColorType::Rgb8).unwrap();
    }
    // Larger than what is set aside by default.
    image::GrayImage::new(2000, 1300).save(folder.join("large.jpg")).unwrap();
    let mut images = [&[0u8, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28][..]].concat();
    images.extend((0..2).flat_map(common::pixels));
    std::fs::write(folder.join("images"), images).unwrap();
    std::fs::write(folder.join("labels"), [0, 0, 8, 1, 0, 0, 0, 2, 3, 9]).unwrap();
}

#[test]
fn help_teaches_with_an_example() {
    for command in
        ["info", "profile", "choose", "classify", "run", "govern", "switch", "doctor", "self-test", "bench", "start"]
    {
        let output = run(&[command, "--help"]);
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && help.contains(&format!("nestling-device {command} ")), "{help}");
    }
    assert!(run(&["--version"]).status.success());
}

#[test]
fn what_is_wrong_ends_with_an_error_and_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let cut = folder.path().join("cut.nestling");
    std::fs::write(&cut, &common::bundle_bytes()[..5000]).unwrap();
    let missing = folder.path().join("none");
    refused(&["choose", text(&missing)], 1, "check the path");
    refused(&["info", text(&cut)], 1, "cut off after 5000 bytes");
    refused(&["choose", text(&cut)], 1, "cut.nestling");
    refused(&["choose", text(&bundle), "--adapter", "Voodoo 2"], 1, "no GPU adapter");
    refused(
        &["choose", text(&bundle), "--seconds", "0", "--budget-ms", "0.000001"],
        1,
        "no shipped child keeps within",
    );
    refused(&["choose", text(&bundle), "--seconds", "0", "--budget-ms", "-1"], 2, "");
    refused(&["classify", text(&bundle), text(&missing)], 1, "cannot open picture");
    refused(&["classify", text(&bundle), text(&bundle)], 1, "cannot decode picture");
    refused(&["classify", text(&bundle), "--images", text(&bundle)], 1, "not an IDX file of images");
    refused(&["classify", text(&bundle)], 2, "required");
    // Before anything is measured.
    for budget in ["0", "-1", "nan"] {
        refused(&["govern", text(&bundle), "--budget-ms", budget], 2, "give milliseconds above zero");
        refused(&["choose", text(&bundle), "--budget-ms", budget], 2, "give milliseconds above zero");
    }
    refused(&["govern", text(&bundle), "--budget-ms", "8", "--slow-down", "2@x"], 2, "2.5@10");
    refused(&["choose", text(&bundle), "--arithmetic", "f16", "--without", "f16"], 1, "--arithmetic f32");
    refused(&["choose", text(&bundle), "--arithmetic", "half"], 2, "`f32` or `f16`");
    refused(&["dance"], 2, "dance");
}

#[test]
fn every_command_prints_json() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    write_images(folder.path());
    let (bundle, profile) = (text(&bundle), folder.path().join("profile.json"));
    let at = |name: &str| text(&folder.path().join(name)).to_owned();

    let info = json(&["info", bundle]);
    assert_eq!(info["bundle"]["children"].as_array().unwrap().len(), 5);
    assert_eq!(
        (&info["bundle"]["weight_storage"], &info["bundle"]["gpu_weight_storage"]),
        (&"f32".into(), &"f32".into())
    );
    assert!(!info["adapters"].as_array().unwrap().is_empty());

    let measured = json(&["profile", bundle, "--seconds", "0.2", "--out", text(&profile)]);
    let written: Value = serde_json::from_slice(&std::fs::read(&profile).unwrap()).unwrap();
    let sealed = |mut value: Value| {
        value.as_object_mut().unwrap().remove("checksum");
        value
    };
    // The report's keys are beside the profile's.
    for (key, value) in sealed(written).as_object().unwrap() {
        assert_eq!(&measured[key], value, "{key}");
    }
    assert!(measured["informative"][0]["measured_p90_ms"].as_f64().unwrap() > 0.0);

    let choices =
        json(&["choose", bundle, "--budget-ms", "5000,6000", "--quantile", "p50", "--profile", text(&profile)]);
    assert_eq!(choices["budgets"][1]["name"], "biggest");
    assert_eq!(choices["budgets"][1]["budget_ms"], 6000.0);
    for key in
        ["predicted_ms", "measured_p50_ms", "measured_p90_ms", "top1", "held_out_top1", "madds", "params", "switch_us"]
    {
        assert!(choices["budgets"][0][key].as_f64().is_some(), "{key}: {choices}");
    }
    for key in ["adapter", "backend", "driver", "precision"] {
        assert!(choices["device"][key].is_string(), "{key}: {choices}");
    }

    let seen = json(&["classify", bundle, &at("noise.png"), "--child", "pareto-2"]);
    assert_eq!((&seen["name"], &seen["top1"]), (&Value::from("pareto-2"), &Value::Null));
    assert!(common::LABELS.contains(&seen["images"][0]["label"].as_str().unwrap()));
    let seen = json(&["run", bundle, &at("noise.jpg"), &at("large.jpg"), "--top", "3", "--child", "biggest"]);
    assert_eq!((&seen["name"], seen["images"].as_array().unwrap().len()), (&Value::from("biggest"), 2));
    assert_eq!(seen["images"][1]["top"].as_array().unwrap().len(), 3);
    let seen = json(&["classify", bundle, "--images", &at("images"), "--labels", &at("labels")]);
    assert_eq!((&seen["labelled"], &seen["images"][1]["expected"]), (&Value::from(2), &Value::from(common::LABELS[9])));

    let smaller = json(&["choose", bundle, "--budget-ms", "5000", "--seconds", "0", "--weight-storage", "int8"]);
    assert_eq!(smaller["device"]["precision"], "f32, weights int8");
    if Feature::F16.can_be_tested(json(&["info"])["adapters"][0]["f16"] == true) {
        let halves = json(&["classify", bundle, &at("noise.png"), "--arithmetic", "f16"]);
        assert_eq!(halves["device"]["precision"], "f16");
    }
    let audit = json(&["switch", bundle, "--switches", "20"]);
    for key in ["weight_bytes", "buffers", "bind_groups", "pipelines"] {
        assert_eq!(audit[key], 0, "{audit}");
    }
    assert_eq!(audit["outputs_equal_fresh_load"], true);

    let bench = json(&["bench", bundle, "--seconds", "1"]);
    assert_eq!(bench["children"][1]["name"], "biggest");
    let gates = ["bench", bundle, "--seconds", "1", "--whole-only", "--gate", "p90=60s,memory=1GB,process=1KB"];
    let output = run(&[&gates[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let gated: Value = serde_json::from_slice(&output.stdout).unwrap();
    let met: Vec<&Value> = gated["gates"].as_array().unwrap().iter().map(|gate| &gate["met"]).collect();
    // Two children, and two figures of the whole.
    assert_eq!(met, [true, true, true, false]);
    assert_eq!(gated["error"]["code"], "gate_missed");
    let message = gated["error"]["message"].as_str().unwrap();
    assert!(message.contains("missed: process=1KB") && !message.contains("p90=60s"), "{message}");
    refused(&["bench", bundle, "--gate", "p99=1ms"], 2, "none of p50, p90");
    assert!(bench["children"][0]["operators"][0]["gflops"].as_f64().unwrap() > 0.0);
}

#[test]
fn three_starts_are_three_figures_and_the_caches_of_the_first_are_those_of_the_second() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let (bundle, logits) = (text(&bundle), folder.path().join("logits.f32"));
    let starts = json(&["start", bundle, "--rounds", "1", "--child", "biggest"]);
    let figure = |kind: &str, key: &str| starts[kind][key].as_f64().unwrap_or(f64::NAN);
    for kind in ["first_ever", "cached", "warm"] {
        assert!(figure(kind, "wall_ms") > 0.0, "{starts}");
        if cfg!(unix) {
            let round = &starts["rounds"][0][kind];
            let parts = ["open_cpu_ms", "load_cpu_ms", "first_answer_cpu_ms"].map(|key| round[key].as_f64().unwrap());
            assert!(parts.iter().sum::<f64>() <= figure(kind, "cpu_ms"), "{starts}");
        }
    }
    assert_eq!(starts["child"], "biggest");
    if starts["empties_driver_cache"] == true && cfg!(unix) {
        // Compiling takes many times as long as reading what was compiled.
        assert!(figure("first_ever", "cpu_ms") > figure("cached", "cpu_ms"), "{starts}");
    }
    let this = json(&["start", bundle, "--this-process", "--logits", text(&logits)]);
    assert_eq!(this["child"], "smallest");
    assert!(this["start"]["wall_ms"].as_f64() > Some(0.0) && this["warm"]["wall_ms"].as_f64() > Some(0.0), "{this}");
    assert_eq!(std::fs::read(&logits).unwrap().len() % 4, 0);
    refused(&["start", bundle, "--pipeline-cache", text(folder.path())], 2, "needs --this-process");
    refused(&["start", bundle, "--child", "none"], 1, "pareto-1");
    refused(&["start", bundle, "--rounds", "2", "--this-process"], 2, "cannot be used with");
}

/// Chrome's trace events of one thread, as start and end in microseconds.
fn spans(trace: &Value, thread: u32) -> Vec<(f64, f64)> {
    let events = trace["traceEvents"].as_array().unwrap().iter();
    (events.filter(|event| event["ph"] == "X" && event["tid"] == thread))
        .map(|event| {
            let (start, duration) = (event["ts"].as_f64().unwrap(), event["dur"].as_f64().unwrap());
            assert!(start >= 0.0 && duration >= 0.0 && event["name"].is_string(), "{event}");
            (start, start + duration)
        })
        .collect()
}

#[test]
fn a_profile_is_a_page_a_document_and_a_trace() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let (page, traced) = (folder.path().join("page.html"), folder.path().join("trace.json"));
    let profile = ["profile", text(&bundle), "--seconds", "1", "--tune", "0", "--trace", text(&traced)];
    let report = json(&[&profile[..], &["--html", text(&page)]].concat());
    for key in ["children", "informative", "bundle_name", "memory", "set_up", "opening", "warm_up", "errors", "trace"] {
        assert!(!report[key].is_null(), "{key}");
    }
    assert!(report["memory"]["weights"].as_u64().unwrap() > 0);
    assert_eq!(
        (&report["layers_of"][0]["name"], &report["layers_of"][1]["name"]),
        (&"biggest".into(), &"smallest".into())
    );
    assert_eq!(report["shipped"][4]["test_top1"], 94.0);
    let html = std::fs::read_to_string(&page).unwrap();
    assert_eq!(nestling_page::markup_fault(&html), None);
    assert!(html.contains("Layers of smallest") && !html.contains("NaN") && html.len() < 1 << 20);

    for without in [None, Some("timestamps")] {
        if let Some(feature) = without {
            let output = run(&[&profile[..], &["--without", feature, "--child", "pareto-1"]].concat());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
        let trace: Value = serde_json::from_slice(&std::fs::read(&traced).unwrap()).unwrap();
        assert_eq!(trace["displayTimeUnit"], "ms");
        let about = &trace["otherData"];
        assert_eq!(about["child"], if without.is_none() { "biggest" } else { "pareto-1" });
        if without.is_some() {
            assert_eq!(about["clock"], "wall");
            assert!(about["layers"].as_str().unwrap().contains("laid end to end"), "{about}");
        }
        let (host, gpu) = (spans(&trace, 1), spans(&trace, 2));
        let whole = host[0];
        // A millionth of a microsecond for rounding.
        for track in [&host[1..], &gpu] {
            let mut end = whole.0;
            for span in track {
                assert!(span.0 >= end - 1e-6 && span.1 <= whole.1 + 1e-6, "{span:?} in {whole:?} after {end}");
                end = span.1;
            }
        }
        assert!(host.len() == 6 && gpu.len() > 10);
    }
    // Nothing is left beside what was asked for and the one profile of this adapter; and a name that does not ship is
    // refused before measuring.
    assert_eq!(count_of_files(folder.path()), 4);
    refused(&["profile", text(&bundle), "--child", "middle"], 1, "pareto-1");
    let nowhere = folder.path().join("none").join("page.html");
    refused(&["profile", text(&bundle), "--seconds", "0", "--tune", "0", "--html", text(&nowhere)], 1, "cannot write");
}

#[test]
fn two_profiles_are_compared_and_a_slower_one_may_fail() {
    let folder = tempfile::tempdir().unwrap();
    let (bundle, old, new) =
        (common::write_bundle(folder.path()), folder.path().join("old.json"), folder.path().join("new.json"));
    let mut profile = quick_profile(&bundle, &old);
    for times in profile.informative.iter_mut().chain(&mut profile.children) {
        times.measured_p50_ms.0 *= 1.5;
    }
    profile.save(&new).unwrap();
    let same = json(&["compare", text(&old), text(&old), "--fail-above", "0"]);
    assert!(same["slower_percent"].as_f64().unwrap().abs() < 1e-9, "{same}");
    let slower = json(&["compare", text(&old), text(&new)]);
    assert!((slower["slower_percent"].as_f64().unwrap() - 50.0).abs() < 1e-6, "{slower}");
    let output = run(&["compare", text(&old), text(&new), "--fail-above", "20", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&document["error"]["code"], &document["fail_above_percent"]), (&"gate_missed".into(), &20.0.into()));
    profile.network = "another".to_owned();
    profile.save(&new).unwrap();
    refused(&["compare", text(&old), text(&new)], 1, "is of another network than");
    refused(&["compare", text(&old), text(&old), "--fail-above=-1"], 2, "0 or more");
}

/// A profile at a cadence says so everywhere, is chosen with, and is no match for one back to back.
#[test]
fn a_profile_at_a_cadence_is_chosen_with_and_does_not_compare_with_one_back_to_back() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let (paced, plain) = (folder.path().join("paced.json"), folder.path().join("plain.json"));
    let page = folder.path().join("page.html");
    let begun = std::time::Instant::now();
    let arguments =
        ["profile", text(&bundle), "--every", "50ms", "--seconds", "3", "--tune", "0", "--out", text(&paced)];
    let document = json(&[&arguments[..], &["--html", text(&page)]].concat());
    assert!(begun.elapsed().as_secs_f64() > 2.5);
    assert_eq!(document["conditions"]["cadence_ms"], 50.0);
    for key in ["thermal_hint", "power_mode"] {
        assert!(document["conditions"][key].is_string(), "{document}");
    }
    assert!(document["conditions"]["load"]["share"].as_f64().unwrap() > 0.0);
    let html = std::fs::read_to_string(&page).unwrap();
    assert!(html.contains("every 50.0 ms"));
    let choices = json(&["choose", text(&bundle), "--budget-ms", "60000", "--profile", text(&paced)]);
    assert_eq!(choices["budgets"][0]["name"], "biggest");
    assert_eq!(DeviceProfile::load(&paced).unwrap().cadence(), Some(Duration::from_millis(50)), "it was not replaced");

    quick_profile(&bundle, &plain);
    let differ = json(&["compare", text(&plain), text(&paced)]);
    assert_eq!(differ["warnings"][0], "cadence: back to back, then every 50.0 ms");
    assert_eq!(differ["new"]["conditions"]["cadence_ms"], 50.0);
    let output = run(&["compare", text(&plain), text(&paced)]);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains("warning: the conditions differ") && told.contains("back to back"), "{told}");
    assert_eq!(json(&["compare", text(&paced), text(&paced)])["warnings"].as_array().unwrap().len(), 0);
}

#[test]
fn minutes_of_use_are_told_with_and_without_a_governor() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let (profile, page) = (folder.path().join("profile.json"), folder.path().join("heat.html"));
    let arguments = ["profile", text(&bundle), "--untrained", "--seconds", "0", "--tune", "0", "--out", text(&profile)];
    let sustained = ["--sustained", "1s", "--every", "20ms", "--budget-ms", "60000", "--sustained-html", text(&page)];
    let document = json(&[&arguments[..], &sustained].concat());
    let courses = [&document["sustained"]["alone"], &document["sustained"]["governed"]];
    for course in courses {
        let minute = &course["minutes"][0];
        // Fifty inferences a second at most.
        assert!((1..=51).contains(&minute["inferences"].as_u64().unwrap()), "{course}");
        assert!(minute["p90_ms"].as_f64() >= minute["p50_ms"].as_f64() && minute["child"].is_string(), "{course}");
    }
    assert_eq!((&courses[0]["retention_percent"], &courses[1]["kept_percent"]), (&100.0.into(), &100.0.into()));
    assert!(std::fs::read_to_string(&page).unwrap().contains("governor"));
    assert_eq!(
        (&document["sustained"]["every_ms"], &document["conditions"]["cadence_ms"]),
        (&20.0.into(), &20.0.into())
    );
    refused(&[&arguments[..], &["--every", "2m"]].concat(), 2, "1ms to 60s");
}

#[test]
fn the_bundles_storage_is_the_devices_unless_another_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("int8.nestling");
    std::fs::write(&path, common::bundle_bytes_as(WeightStorage::Int8)).unwrap();
    let layout = common::bundle_as(WeightStorage::Int8).layout().clone();
    let choose = ["choose", text(&path), "--budget-ms", "5000", "--seconds", "0"];
    for (asked, storage) in
        [(None, WeightStorage::Int8), (Some("f16"), WeightStorage::F16), (Some("f32"), WeightStorage::F32)]
    {
        let flag = asked.map_or(Vec::new(), |asked| vec!["--weight-storage", asked]);
        let bundle = json(&[&["info", text(&path)][..], &flag].concat())["bundle"].take();
        assert_eq!(
            (&bundle["weight_storage"], &bundle["gpu_weight_storage"]),
            (&"int8".into(), &storage.to_string().into())
        );
        assert_eq!(bundle["gpu_weight_bytes"], nestling::low_level::weight_bytes(&layout, storage));
        assert!(bundle["weight_bytes"].as_u64().unwrap() < bundle["file_bytes"].as_u64().unwrap());
        let precision = json(&[&choose[..], &flag].concat())["device"]["precision"].take();
        assert_eq!(precision, if asked == Some("f32") { "f32".to_owned() } else { format!("f32, weights {storage}") });
    }
    let printed = String::from_utf8(run(&["info", text(&path)]).stdout).unwrap();
    assert!(printed.contains("weights int8, ") && printed.contains("int8 on the GPU, "), "{printed}");
    refused(&["info", text(&path), "--weight-storage", "f64"], 2, "not a weight storage: f32, f16 or int8");
}

#[test]
fn a_slowed_down_device_is_governed_down_the_ladder() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let govern = ["govern", text(&bundle), "--budget-ms", "60000", "--seconds", "3"];
    let slow = json(&[&govern[..], &["--slow-down", "1e9@1"]].concat());
    let ladder = slow["ladder"].as_array().unwrap();
    assert_eq!((&slow["started_with"], &slow["ended_with"]), (&Value::from("biggest"), &ladder[0]["name"]));
    let switches = slow["switches"].as_array().unwrap();
    // At once, because each rung on the way would miss, too.
    assert_eq!((switches.len(), &switches[0]["why"]), (1, &Value::from("misses")));
    assert_eq!(slow["too_slow"], true);
    assert!(switches[0]["at_s"].as_f64().unwrap() >= 1.0, "{slow}");

    let output = run(&govern);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && printed.contains("100.00 % of them within 60000.0 ms"), "{printed}");
    assert!(!String::from_utf8_lossy(&output.stderr).contains(FEW), "no other device is known");
}

/// The message where other devices' tables are enough to begin with.
const FEW: &str = "measuring three children only";

/// A profile that was cut off.
const DAMAGED: &str = "{\n  \"checksum\": \"05c6d42f\",\n  \"children\": [";

/// The profile of this device with as little measured as there can be.
fn quick_profile(bundle: &Path, path: &Path) -> DeviceProfile {
    json(&["profile", text(bundle), "--seconds", "0", "--tune", "0", "--out", text(path)]);
    DeviceProfile::load(path).unwrap()
}

/// Measures as little as there can be; returns the profile, its file and the messages.
fn stored_profile(bundle: &Path, more: &[&str]) -> (DeviceProfile, PathBuf, String) {
    let output = run(&[&["profile", text(bundle), "--seconds", "0", "--tune", "0"], more].concat());
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{stderr}");
    let file = PathBuf::from(stderr.lines().find_map(|line| line.strip_prefix("wrote ")).unwrap());
    (DeviceProfile::load(&file).unwrap(), file, stderr)
}

/// Another name for a file, with an ending behind its own.
fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn count_of_files(folder: &Path) -> usize {
    folder.read_dir().unwrap().count()
}

#[test]
fn a_profile_is_stored_beside_its_bundle_and_overwrites_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let (mut other, stored, _) = stored_profile(&bundle, &[]);
    assert_eq!(stored, DeviceProfile::usual_path(&bundle, other.device()));
    let kept = with_ending(&stored, ".old");
    // The same device again: the same file, only newer.
    let (_, again, said) = stored_profile(&bundle, &[]);
    assert!(again == stored && !said.contains("keeping") && count_of_files(folder.path()) == 2, "{said}");

    // Another device's profile under that name is kept, and only the last one of each device, whatever the turns.
    other.table.device.adapter = "Made-up 1".into();
    for _ in 0..3 {
        other.save(&stored).unwrap();
        let (_, _, said) = stored_profile(&bundle, &[]);
        assert!(said.contains("adapter `Made-up 1`, not `") && said.contains(text(&kept)), "{said}");
        assert_eq!(DeviceProfile::load(&kept).unwrap(), other);
        assert_eq!(count_of_files(folder.path()), 3);
    }
    other.save(&stored).unwrap();
    let (_, _, said) = stored_profile(&bundle, &["--replace"]);
    assert!(!said.contains("keeping"), "{said}");
    std::fs::write(&stored, DAMAGED).unwrap();
    stored_profile(&bundle, &[]);
    // The file that was set aside before stays, too.
    assert_eq!(DeviceProfile::load(&kept).unwrap(), other);
    assert_eq!(std::fs::read_to_string(with_ending(&stored, ".old2")).unwrap(), DAMAGED);

    // A clock that was set back.
    other.table.device = DeviceProfile::load(&stored).unwrap().table.device;
    other.table.measured_at = u64::from(u32::MAX);
    other.save(&stored).unwrap();
    let (_, _, said) = stored_profile(&bundle, &[]);
    assert!(said.contains("dated 2106-02-07, but this device's clock says"), "{said}");

    // No file can be written there: too long a name, and a folder of that name.
    let elsewhere = folder.path().join("a".repeat(246)).with_extension("nestling");
    std::fs::copy(&bundle, &elsewhere).unwrap();
    std::fs::remove_file(&stored).unwrap();
    std::fs::create_dir(&stored).unwrap();
    for bundle in [&elsewhere, &bundle] {
        refused(&["profile", text(bundle), "--seconds", "0", "--tune", "0"], 1, "name another file with --out FILE");
    }
    assert!(stored.is_dir());
}

#[test]
fn two_profiles_at_once_into_one_file_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let (_, stored, _) = stored_profile(&bundle, &[]);
    for round in 0..3 {
        // Another one each time: one that is kept already is not kept again.
        let damaged = format!("{DAMAGED}{round}");
        std::fs::write(&stored, &damaged).unwrap();
        let outputs = std::thread::scope(|scope| {
            let profile = || run(&["profile", text(&bundle), "--seconds", "0", "--tune", "0"]);
            [(); 2].map(|()| scope.spawn(profile)).map(|started| started.join().unwrap())
        });
        assert!(outputs.iter().all(|output| output.status.success()), "{outputs:?}");
        DeviceProfile::load(&stored).unwrap();
        let kept = with_ending(&stored, &if round == 0 { ".old".to_owned() } else { format!(".old{}", round + 1) });
        assert_eq!(std::fs::read_to_string(kept).unwrap(), damaged);
    }
    // The bundle, the profile and three times the damaged one: no lock, and no profile was taken for another file.
    assert_eq!(count_of_files(folder.path()), 5);
}

#[test]
fn bundles_that_differ_behind_a_point_have_profiles_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let files: Vec<PathBuf> = ["net.v1", "net.v2", "net"]
        .into_iter()
        .map(|name| {
            let other = folder.path().join(name);
            std::fs::copy(&bundle, &other).unwrap();
            stored_profile(&other, &[]).1
        })
        .collect();
    assert_eq!(count_of_files(folder.path()), 1 + 3 + 3, "{files:?}");
}

/// A software adapter is as fast as the threads that it may use.
#[test]
fn a_profile_of_one_thread_is_stale_on_more() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let (profile, file) = (folder.path().join("profile.json"), text(&folder.path().join("profile.json")).to_owned());
    let one = Command::new(env!("CARGO_BIN_EXE_nestling-device"))
        .args(["profile", text(&bundle), "--seconds", "0", "--tune", "0", "--out", &file])
        .env("LP_NUM_THREADS", "1")
        .output()
        .unwrap();
    assert!(one.status.success(), "{}", String::from_utf8_lossy(&one.stderr));
    let features = DeviceProfile::load(&profile).unwrap().table.device.features;
    let Some(threads) = features.iter().find(|feature| feature.starts_with("1 thread of ")) else {
        let software = json(&["info"])["adapters"][0]["device_type"] == "cpu";
        assert!(!software, "{features:?}");
        return; // a GPU's times depend on no thread
    };
    if std::thread::available_parallelism().unwrap().get() > 1 {
        let choose = ["choose", text(&bundle), "--budget-ms", "60000", "--profile", &file, "--seconds", "0"];
        let output = run(&choose);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains(&format!("features `{threads}`, not `")), "{said}");
        assert!(!String::from_utf8_lossy(&run(&choose).stderr).contains("measuring"), "it is fresh then");
    }
}

/// Neither is read first or renamed, which would wait for ever or hide it.
#[cfg(unix)]
#[test]
fn a_profile_goes_to_a_device_or_through_a_pipe_in_place() {
    use std::os::unix::fs::{FileTypeExt, symlink};
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let (link, pipe) = (folder.path().join("link"), folder.path().join("pipe"));
    symlink("/dev/null", &link).unwrap();
    let profile = |out: &Path| json(&["profile", text(&bundle), "--seconds", "0", "--tune", "0", "--out", text(out)]);
    profile(&link);
    assert_eq!(std::fs::read_link(&link).unwrap(), Path::new("/dev/null"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read(pipe).unwrap()
    });
    let measured = profile(&pipe);
    let written: Value = serde_json::from_slice(&reader.join().unwrap()).unwrap();
    assert_eq!(written["children"], measured["children"]);
    assert!(std::fs::metadata(&pipe).unwrap().file_type().is_fifo());
    // The bundle, the link and the pipe: nothing was set aside or left.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3);
}

#[test]
fn where_the_bundle_knows_other_devices_three_children_are_enough_to_choose() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let at = |name: &str| folder.path().join(name);
    let (own, new, known) = (at("own.json"), at("new.json"), at("known.nestling"));
    let mut table = quick_profile(&bundle, &own).table;
    table.device.adapter = "Made-up 1".into();
    std::fs::write(&known, Bundle::open(&bundle).unwrap().with_latency_tables(vec![table]).unwrap()).unwrap();
    let is_quick = |arguments: &[&str]| {
        let output = run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {stderr}");
        stderr.contains(FEW)
    };
    let choose = ["choose", text(&known), "--budget-ms", "5000"];
    assert!(is_quick(&choose));
    assert!(is_quick(&["govern", text(&known), "--budget-ms", "60000", "--seconds", "1"]));
    // A given profile or time asks for a whole profile of this device.
    assert!(!is_quick(&[&choose[..], &["--seconds", "0"]].concat()));
    assert!(!is_quick(&[&choose[..], &["--profile", text(&own)]].concat()));
    assert!(!is_quick(&[&choose[..], &["--seconds", "0", "--profile", text(&new)]].concat()) && new.exists());
}

#[test]
fn a_prediction_is_compared_with_profiles_of_the_same_network_only() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let (own, other) = (folder.path().join("own.json"), folder.path().join("other.json"));
    let profile = quick_profile(&bundle, &own);
    let predict = ["predict", text(&bundle), "--children", "2", "--rounds", "1", "--profile", text(&own)];
    let predict = [&predict[..], &["--other", text(&other)]].concat();
    let changed = |change: fn(&mut DeviceProfile)| {
        let mut changed = profile.clone();
        change(&mut changed);
        changed.save(&other).unwrap();
    };
    changed(|profile| profile.table.device.adapter = "Made-up 1".into());
    let predicted = json(&predict);
    assert!(predicted["baselines"].to_string().contains("table of Made-up 1"), "{predicted}");
    // One round repeats nothing.
    assert!(predicted["repeatability"].is_null(), "{predicted}");
    let printed = String::from_utf8(run(&predict).stdout).unwrap();
    assert!(printed.contains("1 rounds, rank correlation of the rounds -;"), "{printed}");

    changed(|profile| profile.network = "0".repeat(32));
    refused(&predict, 1, "is stale: it was measured with network 0000");
    changed(|profile| profile.kernels = "0".into());
    refused(&predict, 1, "with other kernels than this build's");
    changed(|profile| profile.image_side = 9);
    refused(&predict, 1, "images of 9 pixels a side");
}

#[test]
fn a_tensor_is_benchmarked_and_answered() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let at = |name: &str| text(&folder.path().join(name)).to_owned();
    let floats = |count: usize| (0..count).flat_map(|i| (i as f32 / count as f32).to_le_bytes()).collect::<Vec<u8>>();
    std::fs::write(at("input"), floats(24 * 24)).unwrap();
    std::fs::write(at("short"), floats(24 * 23)).unwrap();
    std::fs::write(at("odd"), [0; 7]).unwrap();
    let bench = ["bench", text(&bundle), "--seconds", "1", "--whole-only", "--child", "pareto-1"];

    let whole = json(&[&bench[..], &["--input", &at("input"), "--logits", &at("logits")]].concat());
    let child = &whole["children"][0];
    assert_eq!((child["layers"].as_array().unwrap().len(), &child["layers_timed_by"]), (0, &Value::Null));
    let plain = json(
        &[&bench[..], &["--input", &at("input"), "--logits", &at("plain"), "--without", "subgroups,timestamps"]]
            .concat(),
    );
    assert_eq!(plain["subgroups"], false);
    if Feature::Subgroups.can_be_tested(json(&["info"])["adapters"][0]["subgroups"] == true) {
        assert_eq!(whole["subgroups"], true);
    }
    if cfg!(unix) {
        for key in ["first_result_cpu_ms", "cpu_ms"] {
            assert!(child[key].as_f64().unwrap() > 0.0, "{key}: {child}");
        }
        assert!(whole["load_cpu_ms"].as_f64().unwrap() > 0.0, "{whole}");
    }
    let logits = |name: &str| {
        let bytes = std::fs::read(at(name)).unwrap();
        bytes.chunks(4).map(|word| f32::from_le_bytes(word.try_into().unwrap())).collect::<Vec<f32>>()
    };
    let (logits, plain) = (logits("logits"), logits("plain"));
    assert_eq!(logits.len(), 10);
    assert!(logits.iter().zip(&plain).all(|(one, other)| (one - other).abs() < 1e-3), "{logits:?} {plain:?}");

    refused(&[&bench[..], &["--input", &at("short")]].concat(), 1, "552");
    refused(&[&bench[..], &["--input", &at("odd")]].concat(), 1, "7 bytes");
    refused(&[&bench[..], &["--input", &at("input"), "--child", "biggest"]].concat(), 1, "one child");
    refused(&[&bench[..], &["--logits", &at("logits")]].concat(), 2, "--input");
}

#[test]
fn compiled_pipelines_are_kept_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let cache = folder.path().join("cache");
    let bench = ["bench", text(&bundle), "--seconds", "1", "--whole-only", "--child", "pareto-1"];
    let with_cache = [&bench[..], &["--pipeline-cache", text(&cache)]].concat();

    let without = json(&[&with_cache[..], &["--without", "pipeline-cache"]].concat());
    assert!(without["pipeline_cache"].is_null() && !cache.exists());
    let starts =
        [json(&with_cache), json(&with_cache)].map(|start| start["pipeline_cache"].as_str().unwrap().to_owned());
    if !starts[0].starts_with("unused") {
        assert!(starts[0].starts_with("cold; ") && starts[0].ends_with(" bytes saved"), "{starts:?}");
        assert!(starts[1].starts_with("warm, "), "{starts:?}");
        // Pipelines, and which kernels are right.
        assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 2);
    }
}

#[test]
fn photographs_get_their_five_labels() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    write_images(folder.path());
    let picture = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let output = run(&["run", text(&bundle), &picture("noise.jpg"), &picture("noise.png")]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let heads = printed.lines().filter(|line| line.ends_with("noise.jpg") || line.ends_with("noise.png"));
    let guesses = printed
        .lines()
        .filter(|line| line.ends_with(" %") && common::LABELS.iter().any(|label| line.trim_start().starts_with(label)));
    assert_eq!((heads.count(), guesses.count()), (2, 10), "{printed}");

    // A panorama is one; bad pictures say what is wrong with them.
    image::GrayImage::new(20_000, 2).save(picture("wide.png")).unwrap();
    assert!(run(&["run", text(&bundle), &picture("wide.png")]).status.success());
    let whole = std::fs::read(picture("noise.jpg")).unwrap();
    std::fs::write(picture("cut.jpg"), &whole[..whole.len() / 2]).unwrap();
    image::GrayImage::new(1, 1).save(picture("dot.png")).unwrap();
    refused(&["run", text(&bundle), &picture("cut.jpg")], 1, "JPEG file is cut off");
    refused(&["run", text(&bundle), &picture("dot.png")], 1, "1x1 pixels: each side must be");
    refused(&["run", text(&bundle), &picture("noise.jpg"), "--top", "0"], 2, "--top");
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = common::write_bundle(folder.path());
    let mut child = Command::new(env!("CARGO_BIN_EXE_nestling-device"))
        .args(["info", text(&bundle)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    // Drivers write to stderr too: only a panic is looked for.
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && !stderr.contains("panicked"), "{stderr}");
}
