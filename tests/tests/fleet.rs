//! Many devices and one bundle: a device's profile goes through files and programs into the bundle, and stays valid.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling::ProfileOptions;
use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::{Bundle, DeviceProfile};
use nestling_core::latency::CostFeature;
use nestling_core::metrics::Millis;
use nestling_core::tiles::Coverage;
use nestling_tests::nestling;
use std::path::{Path, PathBuf};
use std::time::Duration;

fn asset() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/fashion.nestling")
}

fn json(arguments: &[&str]) -> serde_json::Value {
    let output = nestling().args(arguments).arg("--json").output().unwrap();
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn text(arguments: &[&str]) -> String {
    let output = nestling().args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn complaint(arguments: &[&str]) -> String {
    let output = nestling().args(arguments).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{arguments:?} passed\n{message}");
    assert!(message.starts_with("error: ") && !message.contains("panicked"), "{message}");
    message
}

/// Weights, statistics and images: everything after the manifest.
fn after_manifest(file: &Path) -> Vec<u8> {
    let bytes = std::fs::read(file).unwrap();
    let offset = u64::from_le_bytes(bytes[64..72].try_into().unwrap());
    bytes[offset as usize..].to_vec()
}

#[test]
fn profiles_go_into_a_bundle_and_devices_are_listed_compared_and_searched_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let (bundle, own, other) = (path("my.nestling"), path("own.json"), path("other.json"));
    std::fs::copy(asset(), &bundle).unwrap();

    // One device is this machine. The other is made up: layers cost nothing there, MAdds much.
    let runtime = Runtime::open(&Bundle::open(&bundle).unwrap(), &RuntimeOptions::default()).unwrap();
    let options = ProfileOptions::default().time(Duration::from_millis(100));
    let profile = runtime.profile(&options).unwrap();
    profile.save(Path::new(&own)).unwrap();
    let mut made_up = DeviceProfile::clone(&profile);
    made_up.table.device.adapter = "Made-up 1".into();
    made_up.table.device.precision = "f16".into();
    // No thread is idle there: the time of a child is its MAdds.
    made_up.table.model.coverage = Coverage::EXACT;
    for coefficient in &mut made_up.table.model.coefficients {
        coefficient.ms = match coefficient.feature {
            CostFeature::MegaMAdds(_) => Millis(1.0),
            CostFeature::Inference | CostFeature::Layers(_) | CostFeature::Resize | CostFeature::Megabytes(_) => {
                Millis(0.0)
            }
        };
    }
    made_up.save(Path::new(&other)).unwrap();

    assert!(complaint(&["latency", "compare", &bundle]).contains("`nestling latency add`"));
    assert!(text(&["latency", "list", &bundle]).contains("no latency tables"));
    let both = path("both.nestling");
    let added = json(&["latency", "add", &bundle, &own, &other, "--output", &both]);
    assert_eq!((&added["profiles"][0]["outcome"], &added["tables"]), (&"added".into(), &2.into()));
    assert_eq!(std::fs::read(&bundle).unwrap(), std::fs::read(asset()).unwrap());
    assert_eq!(after_manifest(Path::new(&both)), after_manifest(&asset()));

    // Again, in place: the profile was measured before the tables were there, and still holds.
    let again = text(&["latency", "add", &both, &own]);
    assert!(again.contains("replaces that of") && again.contains("2 latency tables"), "{again}");
    let opened = Bundle::open(&both).unwrap();
    assert_eq!(opened.manifest().latency_tables.len(), 2);
    let fresh = Runtime::open(&opened, &RuntimeOptions::default()).unwrap();
    assert_eq!(fresh.staleness_of(&profile), None);

    // A profile of another network, of other kernels, and a damaged one are refused, and nothing changes.
    let before = std::fs::read(&both).unwrap();
    let foreign = path("foreign.json");
    type Change = fn(&mut DeviceProfile);
    let changes: [(Change, &str); 2] = [
        (|profile| profile.network = "0".repeat(32), "it was measured with network 0000"),
        (|profile| profile.kernels = "0".repeat(32), "it was measured with other kernels than this build's"),
    ];
    for (change, why) in changes {
        let mut changed = DeviceProfile::clone(&profile);
        change(&mut changed);
        changed.save(Path::new(&foreign)).unwrap();
        let message = complaint(&["latency", "add", &both, &other, &foreign]);
        assert!(message.contains("foreign.json") && message.contains(why), "{message}");
        assert!(message.contains("measure again on") && message.contains("nestling-device profile"), "{message}");
    }
    // The version of the crate says nothing of the kernels: a profile by another one holds.
    let mut earlier = DeviceProfile::clone(&profile);
    earlier.nestling = "0.0.1".into();
    earlier.save(Path::new(&foreign)).unwrap();
    let added = json(&["latency", "add", &both, &foreign, "--output", &path("earlier.nestling")]);
    assert_eq!((added["profiles"][0]["outcome"]["replaced"].is_object(), &added["tables"]), (true, &2.into()));
    // A device whose clock was set back: its table is newer, and no date says so.
    earlier.table.measured_at = 1;
    earlier.save(Path::new(&foreign)).unwrap();
    let output = path("clock.nestling");
    let add = nestling().args(["latency", "add", &both, &foreign, "--output", &output]).output().unwrap();
    let said = String::from_utf8_lossy(&add.stderr);
    assert!(add.status.success() && said.contains("dated 1970-01-01") && said.contains("--replace"), "{said}");
    assert_eq!(std::fs::read(&output).unwrap(), before);
    let added = json(&["latency", "add", &both, &foreign, "--output", &output, "--replace"]);
    assert!(added["profiles"][0]["outcome"]["replaced"].is_object(), "{added}");
    assert_ne!(std::fs::read(&output).unwrap(), before);
    let mut other: serde_json::Value = serde_json::from_slice(&std::fs::read(&foreign).unwrap()).unwrap();
    other["format"] = 3.into();
    std::fs::write(&foreign, other.to_string()).unwrap();
    assert!(complaint(&["latency", "add", &both, &foreign]).contains("measure again"));
    assert_eq!(std::fs::read(&both).unwrap(), before);

    let listed = json(&["latency", "list", &both]);
    let smallest = opened.networks().iter().min_by_key(|network| network.cost().madds).unwrap();
    let predicted = made_up.table.predict(smallest).0;
    assert_eq!(listed["devices"][1]["device"]["adapter"], "Made-up 1");
    assert!((listed["devices"][1]["smallest_ms"].as_f64().unwrap() - predicted).abs() < 1e-9 * predicted);
    assert!(text(&["latency", "list", &both]).contains("Made-up 1"));

    let compared = json(&["latency", "compare", &both, "--children", "50"]);
    assert_eq!(compared["children"], 50 + opened.children().len());
    assert!(compared["with_madds"][1].as_f64().unwrap() > 0.999);
    assert_eq!(compared["shares"].as_array().unwrap().len(), 19);
    let budgets = compared["budgets"].as_array().unwrap();
    // Only the fastest device has a child for the smallest budget; the largest is enough for all.
    assert_eq!(budgets[0]["taken"].as_array().unwrap().iter().filter(|one| one.is_null()).count(), 1, "{compared}");
    assert!(budgets[6]["taken"].as_array().unwrap().iter().all(|one| one["child"].is_string()), "{compared}");
    let shown = text(&["latency", "compare", &both]);
    assert!(shown.contains("Spearman over 2") && shown.contains("[2] Made-up 1"), "{shown}");

    // Without a run children are predicted only. On the made-up device a millisecond is a million MAdds.
    let none = path("no-run");
    let search = |more: &[&str]| json(&[&["search", "--run", &none, "--bundle", &both, "--top", "3"], more].concat());
    let by_time = search(&["--device", "MADE-UP", "--budget-ms", "1.5"]);
    let by_madds = search(&["--budget-madds", "1500k"]);
    assert_eq!(by_time["children"].as_array().unwrap().len(), 3);
    for (a, b) in by_time["children"].as_array().unwrap().iter().zip(by_madds["children"].as_array().unwrap()) {
        assert!(a["predicted_ms"].as_f64().unwrap() <= 1.5 && b["madds"].as_u64().unwrap() <= 1_500_000);
        assert!(a["held_out_top1"].is_null() && b["predicted_ms"].is_null());
    }
    let search = |more: &[&str]| complaint(&[&["search", "--run", &none, "--bundle", &both], more].concat());
    assert!(search(&["--device", "mali", "--budget-ms", "1"]).contains("Made-up 1 ("));
    assert!(search(&["--device", &profile.device().backend, "--budget-ms", "1"]).contains("several devices"));
    let message = search(&["--device", "made-up f16", "--budget-ms", "0.001"]);
    assert!(message.contains("give at least that"), "{message}");
    assert!(complaint(&["search", "--run", &none, "--budget-madds", "2"]).contains("fashion.nestling"));
}
