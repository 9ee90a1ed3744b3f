use super::*;
use nestling::ProfileOptions;
use nestling::Start;
use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::{Bundle, BundleContents, Manifest, Trained};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::metrics::{Millis, Top1};
use nestling_core::space::{CalibratedChild, ChildEntry, SearchSpace};
use nestling_core::weights::WeightStorage;
use nestling_page::markup_fault;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

const HOSTILE: &str = "</title><script>alert(1)</script>\"'&";

/// A small bundle whose every text is hostile.
fn bundle() -> Bundle {
    let space = SearchSpace::fashion().validated().unwrap();
    let weights: Vec<f32> = (0..space.layout().len()).map(|index| (index as f32).sin() / 3.0).collect();
    let children: Vec<CalibratedChild> = [space.smallest(), space.biggest()]
        .map(|child| CalibratedChild::neutral(&space.lower(&child).unwrap()))
        .to_vec();
    let entry = |(index, child): (usize, &CalibratedChild)| ChildEntry {
        // A name of a child has no slash.
        name: format!("{}{index}", HOSTILE.replace('/', "")),
        child: child.child().clone(),
        cost: space.lower(child.child()).unwrap().cost(),
        held_out: Top1 { correct: 90 + index as u32, images: 100 },
        test: Top1 { correct: 0, images: 0 },
    };
    let manifest = Manifest {
        accuracy_predictor: None,
        images: None,
        split: None,
        name: HOSTILE.to_owned(),
        provenance: HOSTILE.to_owned(),
        preprocessing: Preprocessing {
            means: vec![0.3],
            standard_deviations: vec![0.4],
            centre_fraction: 1.0,
            fit: Fit::Crop,
        },
        labels: (0..space.classes).map(|class| class.to_string()).collect(),
        children: children.iter().enumerate().map(entry).collect(),
        latency_tables: Vec::new(),
        trained: Trained::WholeSpace,
        weight_storage: WeightStorage::F32,
        space: space.definition().clone(),
    };
    let contents =
        BundleContents { manifest: &manifest, weights: &weights, children: &children, images: &[], golden: None };
    Bundle::from_bytes(&contents.encode().unwrap()).unwrap()
}

static REPORT: LazyLock<DeviceReport> = LazyLock::new(|| {
    let bundle = bundle();
    let options = RuntimeOptions::default().start(Start::Tuned);
    let runtime = Runtime::open(&bundle, &options).unwrap();
    let warm_up = WarmUp::measure(&runtime, DeviceReport::biggest(&runtime).unwrap()).unwrap();
    let profiling = ProfileOptions::default().time(Duration::from_secs(1));
    let profile = Arc::unwrap_or_clone(runtime.profile(&profiling).unwrap());
    let opening = Opening { open_ms: Millis(1.0), load_ms: Millis(50.0) };
    let options = ReportOptions { children: &[], progress: None };
    let mut report = DeviceReport::assemble(&runtime, &bundle, opening, warm_up, profile, &options).unwrap();
    report.profile.table.device.adapter = HOSTILE.to_owned();
    report.profile.table.device.driver = HOSTILE.to_owned();
    report.profile.clock_note = Some(HOSTILE.to_owned());
    report
});

fn assert_sound(page: &str) {
    assert_eq!(markup_fault(page), None);
    assert!(!page.contains("NaN") && !page.contains("inf\"") && !page.contains("inf "));
    assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
}

#[test]
fn the_page_has_every_section_and_no_hostile_text() {
    let page = html(&REPORT);
    assert_sound(&page);
    for id in ["predicted-measured", "accuracy-latency", "layers-0", "layers-1", "memory", "start"] {
        assert!(page.contains(&format!("<figure id=\"{id}\">")), "{id}");
    }
    for text in [
        "with images of 28 × 28 pixels, on 20",
        "within 10 %",
        "Mean absolute error",
        "do not add up to a whole child",
        "Held-out top-1 (%)",
        "95th percentile",
        "(ms)",
        "(MiB)",
        "classifier",
        "was not trusted",
        "back to back, power unknown, thermal hint unknown; the device was",
        "first inference after loading",
        "a million MAdds: depthwise k3 s1",
        "coefficient µs",
        "prefers-color-scheme: dark",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(page.matches("<svg").count(), 6);
    assert!(page.matches("<table").count() >= 7);
    if let Some(copy) = std::env::var_os("NESTLING_REPORT_COPY") {
        std::fs::write(copy, page).unwrap();
    }
}

#[test]
fn the_reports_json_holds_the_profile_and_all_else() {
    let value = serde_json::to_value(&*REPORT).unwrap();
    let profile = serde_json::to_value(&REPORT.profile).unwrap();
    for (key, one) in profile.as_object().unwrap() {
        assert_eq!(&value[key], one, "{key}");
    }
    let more = ["bundle_name", "shipped", "errors", "opening", "set_up", "memory", "warm_up", "layers_of"];
    let count = profile.as_object().unwrap().len() + more.len();
    assert_eq!(value.as_object().unwrap().len(), count, "no key of the report hides one of the profile");
    for key in more {
        assert!(!value[key].is_null(), "{key}");
    }
    assert!(value["warm_up"]["first_ms"].as_f64().unwrap() > 0.0);
    let layers = value["layers_of"][0]["layers"].as_array().unwrap();
    let shares: f64 = layers.iter().map(|layer| layer["share_percent"].as_f64().unwrap()).sum();
    assert!((shares - 100.0).abs() < 1e-6, "{shares}");
    for key in ["name", "shape", "ms", "madds", "bytes"] {
        assert!(!layers[0][key].is_null(), "{key}");
    }
}

#[test]
fn a_device_that_measured_nothing_still_has_a_page() {
    let mut report = REPORT.clone();
    report.profile.children.clear();
    report.profile.informative.clear();
    report.profile.table.model.coefficients.clear();
    // The time of a child whose layers were timed is known all the same.
    assert_eq!(report.latency_of(&report.layers_of[0].name), Some(report.layers_of[0].whole));
    report.layers_of.iter_mut().for_each(|child| child.layers.clear());
    report.warm_up.later.p50 = Millis(0.0);
    report.warm_up.first_ms = Millis(0.0);
    assert_sound(&html(&report));
}
