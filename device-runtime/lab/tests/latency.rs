//! Choosing by latency on a real device: other devices' tables, and all of it while others classify.

#![allow(clippy::unwrap_used, reason = "a test's panic is its message")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use common::bits;
use nestling::ProfileOptions;
use nestling::Start;
use nestling::{Context, ContextOptions};
use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::Bundle;
use nestling_core::choosing::Budget;
use nestling_core::image::Image;
use nestling_core::latency::{Coefficient, CostFeature, LatencyTable, LayerKind};
use nestling_core::metrics::{Millis, Quantile};
use nestling_core::space::{Operator, OutputSize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| Context::new(&ContextOptions::default()).unwrap());
/// Trained, with predictor and images.
static TRAINED: LazyLock<Bundle> = LazyLock::new(common::trained);

fn runtime(bundle: &Bundle) -> Runtime {
    let options = RuntimeOptions::default().max_image_side(64).start(Start::Tuned);
    Runtime::open_on(&CONTEXT, bundle, &options).unwrap()
}

/// One test at a time: what one measures must not be another's load.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn quick() -> ProfileOptions<'static> {
    ProfileOptions::default().time(Duration::from_millis(500))
}

#[test]
fn a_device_in_no_table_starts_from_the_nearest_and_refines() {
    let _turn = alone();
    let measured = runtime(&TRAINED).profile(&quick()).unwrap();
    // No child of the space has this cost feature: its coefficient can only come from the table.
    let kind = LayerKind { operator: Operator::Dense, kernel: 11, stride: 3, size: OutputSize::Large };
    let telling = Coefficient { feature: CostFeature::MegaMAdds(kind), ms: Millis(1.0) };
    let other = |factor: f64| {
        let mut fit = measured.table.model.clone();
        fit.coefficients.push(telling);
        fit.coefficients.sort_by_key(|coefficient| coefficient.feature);
        LatencyTable {
            device: nestling_core::latency::DeviceKey {
                adapter: format!("{factor} times"),
                ..measured.table.device.clone()
            },
            model: fit.scaled(factor),
            ..measured.table.clone()
        }
    };
    let bundle = common::repacked(&TRAINED, |manifest| {
        manifest.latency_tables = vec![other(0.1)];
        manifest.children.retain(|entry| entry.name == "pareto-5");
    });
    let runtime = runtime(&bundle);
    let budget = Budget::p50(Millis(1e6));
    let choice = runtime.choose(budget).unwrap();
    let first = runtime.current_profile().unwrap();
    assert_eq!(first.informative.len(), 3 + 1, "three children, not thirty, and the one that was chosen");
    let coefficient = first.table.model.coefficients.iter().find(|one| one.feature == telling.feature).unwrap();
    assert!((0.2..5.0).contains(&coefficient.ms.0), "a tenth, scaled to this device: {}", coefficient.ms);
    let network = bundle.space().lower(&bundle.space().sample(&mut common::random(3))).unwrap();
    // At one drift: other programs may have come or gone between the two.
    let [then, now] = [&measured, &first].map(|profile| profile.table.predict(&network).0 / profile.reference_ms.0);
    let ratio = now / then;
    assert!((0.5..2.0).contains(&ratio), "scaled to this device: {ratio}");
    // The measurement by `choose` refined the coefficients.
    let learned = first.informative.last().unwrap();
    assert_eq!((&learned.child, first.table.children), (&choice.entry().child, 4));
    // Another program may have come or gone within one measurement; each choice measures again.
    let mut residual = learned.residual_percent();
    for _ in 0..4 {
        if residual.abs() >= 15.0 {
            runtime.choose(budget).unwrap();
            residual = runtime.current_profile().unwrap().learned(&choice.entry().child).unwrap().residual_percent();
        }
    }
    assert!(residual.abs() < 15.0, "off by {residual} %");
}

#[test]
fn choosing_profiling_and_calibrating_change_no_answer_of_other_threads() {
    let _turn = alone();
    let runtime = runtime(&TRAINED);
    let side = 28;
    let pixels: Vec<Vec<u8>> =
        (0..3u8).map(|seed| (0..side * side).map(|at| (at as u8).wrapping_mul(seed * 2 + 3)).collect()).collect();
    let images: Vec<Image<'_>> = pixels.iter().map(|pixels| Image::grey8(side, side, pixels).unwrap()).collect();
    let names: Vec<String> = runtime.children().map(|entry| entry.name.clone()).collect();
    let answer = |name: &str, image| bits(&runtime.supernet().infer(runtime.prepared(name).unwrap(), image).unwrap());
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
                let logits = bits(&runtime.logits(images[image]).unwrap());
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
