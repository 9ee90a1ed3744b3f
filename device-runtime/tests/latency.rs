//! Choosing by latency on a real device: the whole space, other devices' tables, and all of it while others classify.

#![allow(clippy::unwrap_used, reason = "a test's panic is its message")]

mod common;

use nestling::bundle::{BundleContents, Manifest};
use nestling::engine::Start;
use nestling::gpu::{Context, ContextOptions};
use nestling::latency::{LatencyTable, ProfileOptions};
use nestling::runtime::{WholeSpaceError, WholeSpaceOptions};
use nestling::select::Quantile;
use nestling::{Budget, Bundle, Image, Millis, Runtime, RuntimeOptions};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| Context::new(&ContextOptions::default()).unwrap());
/// Trained, with predictor and images.
static TRAINED: LazyLock<Bundle> = LazyLock::new(|| {
    let assets = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/assets/fashion.nestling");
    Bundle::open(assets).unwrap()
});

fn runtime(bundle: &Bundle) -> Runtime {
    let options = RuntimeOptions { largest_image_side: 64, start: Start::Tuned, ..RuntimeOptions::default() };
    Runtime::with_context(&CONTEXT, bundle, &options).unwrap()
}

fn quick() -> ProfileOptions<'static> {
    ProfileOptions { time: Duration::from_millis(500), ..ProfileOptions::default() }
}

/// The bundle again with another manifest, and without images.
fn repacked(change: impl FnOnce(&mut Manifest)) -> Bundle {
    let mut manifest = Manifest { images: None, ..TRAINED.manifest().clone() };
    change(&mut manifest);
    let children: Vec<_> = (0..TRAINED.children().len()).map(|index| TRAINED.calibrated(index).unwrap()).collect();
    let contents = BundleContents { manifest: &manifest, weights: TRAINED.weights(), children: &children, images: &[] };
    Bundle::from_bytes(&contents.encode().unwrap()).unwrap()
}

#[test]
fn the_whole_space_is_searched_within_the_budget_or_the_shipped_child_stays() {
    let runtime = runtime(&TRAINED);
    runtime.profile(&quick()).unwrap();
    for budget in runtime.typical_budgets(3, Quantile::P50).unwrap() {
        let budget = Budget { limit: Millis(1.3 * budget.limit.0), ..budget };
        let choice = match runtime.choose_in_whole_space(&TRAINED, budget, &WholeSpaceOptions::default()) {
            Ok(choice) => choice,
            // A machine whose load grows is allowed to refuse.
            Err(error) => {
                assert!(error.to_string().contains("fastest"), "{error}");
                continue;
            }
        };
        assert_eq!(runtime.active().child(), choice.child());
        match choice.adopted() {
            None => assert_eq!(runtime.active().name(), Some(choice.shipped().entry().name.as_str())),
            Some(adopted) => {
                assert!(budget.holds(adopted.measured) && adopted.expected_gain > 0.0, "{choice}");
                assert_eq!((runtime.active().name(), adopted.calibrated.child()), (None, choice.child()));
                assert!(adopted.check.images > 100 && adopted.check.top1_percent() > 80.0, "{}", adopted.check);
            }
        }
        assert!(!choice.to_string().contains('\n') && choice.to_string().contains(choice.why()));
    }
}

#[test]
fn a_bundle_that_cannot_judge_unshipped_children_says_what_it_lacks() {
    let options = WholeSpaceOptions::default();
    let silent = common::bundle();
    let error = runtime(&silent).choose_in_whole_space(&silent, Budget::p50(Millis(1e6)), &options).unwrap_err();
    assert!(matches!(error, WholeSpaceError::Missing { missing: "accuracy predictor" }), "{error}");
    let error = runtime(&silent).choose_in_whole_space(&TRAINED, Budget::p50(Millis(1e6)), &options).unwrap_err();
    assert!(matches!(error, WholeSpaceError::OtherBundle { .. }), "{error}");
    let error = runtime(&TRAINED).choose_in_whole_space(&TRAINED, Budget::p50(Millis(1e-6)), &options).unwrap_err();
    assert!(error.to_string().contains("fastest"), "{error}");
}

#[test]
fn a_device_in_no_table_starts_from_the_nearest_and_refines() {
    let measured = runtime(&TRAINED).profile(&quick()).unwrap();
    let other = |factor: f64| LatencyTable {
        device: nestling::latency::DeviceKey { adapter: format!("{factor} times"), ..measured.table.device.clone() },
        fit: measured.table.fit.scaled(factor),
        ..measured.table.clone()
    };
    let bundle = repacked(|manifest| manifest.latency_tables = vec![other(0.1)]);
    let runtime = runtime(&bundle);
    let budget = Budget::p50(Millis(1e6));
    runtime.choose(budget).unwrap();
    let first = runtime.current_profile().unwrap();
    assert_eq!(first.informative.len(), 3, "three children, not thirty");
    let network = bundle.space().lower(&bundle.space().sample(&mut common::random(3))).unwrap();
    let ratio = first.table.predict(&network).0 / measured.table.predict(&network).0;
    assert!((0.5..2.0).contains(&ratio), "scaled to this device: {ratio}");
    // What `choose` timed, the biggest child, moved the prices.
    let again = runtime.choose(budget).unwrap();
    let biggest = bundle.space().lower(&again.entry().child).unwrap();
    let refined = runtime.current_profile().unwrap().table.predict(&biggest).0;
    let distance = |ms: f64| (ms / again.measured().p50.0 - 1.0).abs();
    assert!(distance(refined) < 0.5, "{refined} for {}", again.measured().p50);
}

#[test]
fn choosing_profiling_and_calibrating_change_no_answer_of_other_threads() {
    let runtime = runtime(&TRAINED);
    let side = 28;
    let pixels: Vec<Vec<u8>> =
        (0..3u8).map(|seed| (0..side * side).map(|at| (at as u8).wrapping_mul(seed * 2 + 3)).collect()).collect();
    let images: Vec<Image<'_>> = pixels.iter().map(|pixels| Image::grey8(side, side, pixels).unwrap()).collect();
    let bits = |logits: Vec<f32>| logits.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
    let names: Vec<String> = runtime.children().map(|entry| entry.name.clone()).collect();
    let answer = |name: &str, image| bits(runtime.supernet().infer(runtime.prepared(name).unwrap(), image).unwrap());
    // Serially first.
    let expected: Vec<Vec<Vec<u32>>> =
        names.iter().map(|name| images.iter().map(|image| answer(name, image)).collect()).collect();
    let calibration: Vec<Image<'_>> = TRAINED.calibration_images().take(16).collect();
    let child = TRAINED.space().sample(&mut common::random(8));
    let alone = runtime.calibrate(&child, &calibration).unwrap();

    let done = AtomicBool::new(false);
    let answered = std::thread::scope(|scope| {
        let by_child = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) || count < names.len() {
                let (one, image) = (count % names.len(), count % images.len());
                assert_eq!(answer(&names[one], &images[image]), expected[one][image], "{}", names[one]);
                count += 1;
            }
            count
        });
        let by_active = scope.spawn(|| {
            let mut count = 0;
            while !done.load(Ordering::Relaxed) || count < names.len() {
                let image = count % images.len();
                let logits = bits(runtime.logits(&images[image]).unwrap());
                assert!(expected.iter().any(|answers| answers[image] == logits), "an answer of no child");
                count += 1;
            }
            count
        });
        runtime.profile(&quick()).unwrap();
        for name in names.iter().cycle().take(200) {
            runtime.switch_to(name.as_str()).unwrap();
        }
        for budget in runtime.typical_budgets(3, Quantile::P90).unwrap() {
            // With others on the device any refusal is possible, a wrong answer is not.
            let _ = runtime.choose(budget);
        }
        assert_eq!(runtime.calibrate(&child, &calibration).unwrap(), alone);
        // A larger child is made ready while a small one serves.
        drop(runtime.prepare(&alone).unwrap());
        done.store(true, Ordering::Relaxed);
        by_child.join().unwrap() + by_active.join().unwrap()
    });
    assert!(answered > 20, "{answered}");
}
