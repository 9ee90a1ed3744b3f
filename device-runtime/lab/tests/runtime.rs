//! The runtime on whatever adapter is there (in continuous integration: lavapipe). Nothing here depends on a time.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;
#[path = "../../runtime/src/gpu/require.rs"]
mod require;

use common::bits;
use nestling::Error;
use nestling::Governed;
use nestling::ProfileOptions;
use nestling::Start;
use nestling::{Context, ContextOptions};
use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::{Bundle, DeviceProfile, ProfileError, Stale};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::choosing::Budget;
use nestling_core::governor::{Decision, GovernorOptions, Reason, ThermalHint};
use nestling_core::image::Image;
use nestling_core::metrics::{Millis, Quantile};
use nestling_core::space::CalibratedChild;
use nestling_core::weights::WeightStorage;
use nestling_lab::audit::audit_switches;
use require::Feature;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| Context::new(&ContextOptions::default()).unwrap());
static BUNDLE: LazyLock<Bundle> = LazyLock::new(common::bundle);

fn runtime() -> Runtime {
    // One set of kernels: answers are compared bit for bit.
    let options = RuntimeOptions::default().max_image_side(64).start(Start::Tuned);
    Runtime::open_on(&CONTEXT, &BUNDLE, &options).unwrap()
}

/// A device of its own, so that no other test is counted.
fn lone_runtime(spare_children: usize) -> Runtime {
    Runtime::open(&BUNDLE, &RuntimeOptions::default().spare_children(spare_children).start(Start::Tuned)).unwrap()
}

/// Measures as little as a profile can be made of.
fn quick() -> ProfileOptions<'static> {
    ProfileOptions::default().time(Duration::from_millis(100))
}

#[test]
fn a_thousand_random_switches_make_nothing_and_answer_as_a_fresh_load() {
    let runtime = lone_runtime(12);
    let audit = audit_switches(&runtime, &BUNDLE, 1000, &mut common::random(3)).unwrap();
    assert_eq!((audit.switches, audit.children), (1000, BUNDLE.children().len() + 12));
    let made = [audit.weight_bytes, audit.buffers, audit.bind_groups, audit.pipelines];
    assert_eq!(made, [0; 4]);
    assert!(audit.children >= 2 && audit.outputs_equal_fresh_load, "{audit:?}");
    assert_eq!(runtime.active().name(), Some("smallest"), "the audit leaves the active child");
}

#[test]
fn a_switch_alone_sends_nothing_at_all() {
    let runtime = lone_runtime(0);
    let before = runtime.supernet().counters();
    for name in ["biggest", "pareto-2", "smallest"] {
        runtime.switch_to(name).unwrap();
        assert_eq!(runtime.active().name(), Some(name));
    }
    assert_eq!(runtime.supernet().counters(), before);
}

#[test]
fn threads_that_classify_while_another_switches_get_serial_answers() {
    let runtime = runtime();
    let names: Vec<&str> = BUNDLE.children().iter().map(|entry| entry.name.as_str()).collect();
    let pixels: Vec<Vec<u8>> = (0..4).map(common::pixels).collect();
    let image = |index: usize| Image::grey8(28, 28, &pixels[index]).unwrap();
    // The answers of each child for each image when nothing else runs.
    let mut serial = Vec::new();
    for name in &names {
        runtime.switch_to(*name).unwrap();
        serial.push((0..4).map(|index| runtime.classify(image(index)).unwrap()).collect::<Vec<_>>());
    }
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for turn in 0.. {
                runtime.switch_to(names[turn % names.len()]).unwrap();
                if done.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        let workers: Vec<_> = (0..3)
            .map(|worker| {
                let (runtime, serial, image, names) = (&runtime, &serial, &image, &names);
                scope.spawn(move || {
                    for turn in 0..60 {
                        let index = (worker + turn) % 4;
                        let answer = runtime.classify(image(index)).unwrap();
                        let child = BUNDLE.children().iter().position(|entry| entry.child == *answer.child()).unwrap();
                        assert_eq!(answer, serial[child][index], "{} on image {index}", names[child]);
                    }
                })
            })
            .collect();
        let outcomes: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        done.store(true, Ordering::Relaxed);
        assert!(outcomes.iter().all(Result::is_ok));
    });
}

#[test]
fn a_governed_runtime_switches_by_what_it_is_told() {
    let runtime = Arc::new(runtime());
    runtime.profile(&quick()).unwrap();
    let governed = Governed::new(Arc::clone(&runtime), GovernorOptions::new(Millis(60_000.0))).unwrap();
    assert_eq!(runtime.active().name(), Some("biggest"));
    let top = governed.governor().current();
    let pixels = common::pixels(1);
    let image = Image::grey8(28, 28, &pixels).unwrap();
    assert_eq!(governed.classify(image).unwrap(), runtime.classify(image).unwrap());

    let old = runtime.active();
    // Not three in a row, which would lead further down at once.
    let said = [1e6, 1.0, 1e6, 1e6, 1e6].map(|time| governed.observe(&old, Millis(time)));
    // The last time is of a child that serves no longer.
    let down = Decision::StepDown { to: top - 1, why: Reason::Misses };
    assert_eq!(said, [Decision::Stay, Decision::Stay, Decision::Stay, down, Decision::Stay]);
    assert_eq!(runtime.active().name(), Some(governed.governor().rung().name.as_str()));
    governed.set_thermal_hint(ThermalHint::Critical);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| governed.classify(image).unwrap());
        }
    });
    // A noisy machine may have measured a ladder of two rungs only.
    assert_eq!(governed.governor().current(), top.saturating_sub(2));
    assert_eq!(runtime.active().name(), Some(governed.governor().rung().name.as_str()));

    // A child of the app's own is none of the governor's business.
    runtime.switch_to("biggest").unwrap();
    let own = runtime.active();
    assert!([(); 9].iter().all(|()| governed.observe(&own, Millis(1e6)) == Decision::Stay));
    let served = governed.classify(image).unwrap();
    let rung = governed.governor().rung().name.clone();
    assert_eq!(served.child(), runtime.prepared(&rung).unwrap().child(), "the governor's child answers all the same");

    // Retired, it answers by its child and switches no more.
    governed.set_budget(Millis(1e-6)).unwrap();
    governed.retire();
    let own = runtime.prepared(&rung).unwrap();
    assert_eq!(governed.classify(image).unwrap().child(), own.child());
    runtime.switch_to(&rung).unwrap();
    let serving = runtime.active();
    assert!([(); 9].iter().all(|()| governed.observe(&serving, Millis(1e6)) == Decision::Stay));
    assert_eq!(runtime.active().name(), Some(rung.as_str()));

    assert!(matches!(runtime.governed(Millis(f64::NAN)), Err(Error::InvalidBudget { .. })));
    // A budget that no child keeps starts with the fastest.
    let governed = runtime.governed(Millis(1e-6)).unwrap();
    assert_eq!((governed.governor().current(), governed.is_too_slow()), (0, false));
    for _ in 0..3 {
        governed.classify(image).unwrap();
    }
    assert!(governed.is_too_slow());
}

#[test]
fn answers_are_labels_with_probabilities() {
    let runtime = runtime();
    let pixels = common::pixels(1);
    let image = Image::grey8(28, 28, &pixels).unwrap();
    let answer = runtime.classify(image).unwrap();
    assert!(common::LABELS.contains(&answer.top().label));
    assert_eq!(answer.logits(), runtime.logits(image).unwrap());
    assert!((answer.top_k(10).map(|guess| guess.probability).sum::<f64>() - 1.0).abs() < 1e-9);
    assert_eq!(runtime.classify_many(&[image, image]).unwrap(), [answer.clone(), answer.clone()]);
    assert_eq!(pollster::block_on(runtime.classify_async(&image)).unwrap(), answer);
}

#[test]
fn images_that_do_not_fit_are_typed_errors() {
    let runtime = runtime();
    let wide = vec![0; 65 * 65];
    let error = runtime.classify(Image::grey8(65, 65, &wide).unwrap()).unwrap_err();
    assert!(matches!(error, Error::ImageTooLarge { side: 65, max: 64 }), "{error}");
    assert!(Image::grey8(28, 28, &wide).unwrap_err().to_string().contains("784 bytes, but 4225 were given"));
    assert!(Image::grey8(1, 28, &[0; 28]).unwrap_err().to_string().contains("each side must be between 2 and"));
}

#[test]
fn an_adapter_that_does_not_exist_is_a_typed_error() {
    let context = ContextOptions::default().adapter_name(Some("Voodoo 2".into()));
    let error = Runtime::open(&BUNDLE, &RuntimeOptions::default().context(context)).unwrap_err();
    assert!(matches!(error, Error::NoAdapter { .. }), "{error}");
}

#[test]
fn a_budget_below_the_fastest_child_is_a_typed_error_and_changes_nothing() {
    let runtime = runtime();
    runtime.switch_to("pareto-1").unwrap();
    runtime.profile(&quick()).unwrap();
    let error = runtime.choose(Budget::p50(Millis(1e-9))).unwrap_err();
    let Error::BelowFastest { fastest, measured, .. } = &error else { panic!("{error}") };
    assert!(runtime.prepared(fastest).is_ok() && measured.p50.0 > 0.0);
    assert!(error.to_string().contains(fastest) && error.to_string().contains("allow more time"), "{error}");
    assert_eq!(runtime.active().name(), Some("pareto-1"));
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = runtime.choose(Budget::p90(Millis(wrong))).unwrap_err();
        assert!(matches!(error, Error::InvalidBudget { .. }), "{wrong}: {error}");
    }
}

#[test]
fn an_ample_budget_takes_the_most_accurate_child_and_its_neighbours_are_known() {
    let runtime = runtime();
    let choice = runtime.choose(Budget::p90(Millis(1e6))).unwrap();
    assert_eq!(choice.entry().name, "biggest");
    assert_eq!(runtime.active().name(), Some("biggest"));
    assert!(choice.next_better().is_none());
    let line = choice.to_string();
    assert!(line.contains("94.00 % top-1") && line.contains("1000000.0 ms at p90") && !line.contains('\n'), "{line}");
    if let Some(faster) = choice.next_faster() {
        runtime.switch_to(faster).unwrap();
        assert_eq!(runtime.active().name(), Some(faster.entry.name.as_str()));
    }
    match runtime.choose_spread(3, Quantile::P50) {
        Ok(spread) => {
            assert!((1..=3).contains(&spread.len()));
            assert!(spread.iter().all(|choice| choice.budget().holds(choice.measured())));
        }
        // A machine whose load keeps growing is allowed to refuse.
        Err(error) => assert!(matches!(error, Error::BelowFastest { .. }), "{error}"),
    }
    runtime.switch_to(&choice).unwrap();
    assert_eq!(runtime.active().name(), Some("biggest"));
}

#[test]
fn children_that_do_not_ship_run_too_and_strangers_do_not() {
    let runtime = runtime();
    let space = BUNDLE.space();
    let child = space.sample(&mut common::random(5));
    let prepared = runtime.prepare(&common::calibrated(space, &child, &mut common::random(6))).unwrap();
    runtime.switch_to(&prepared).unwrap();
    assert_eq!((runtime.active().name(), runtime.active().child()), (None, &child));
    let other = self::runtime();
    let error = other.switch_to(&prepared).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");
    let error = runtime.switch_to("huge").unwrap_err();
    assert!(matches!(&error, Error::UnknownChild { .. }), "{error}");
    assert!(error.to_string().contains("it has: smallest, pareto-1"), "{error}");
}

#[test]
fn an_app_prepares_children_in_its_one_spare_slot_while_another_thread_measures() {
    let options = RuntimeOptions::default().spare_children(1).start(Start::Tuned);
    let runtime = Runtime::open_on(&CONTEXT, &BUNDLE, &options).unwrap();
    let space = BUNDLE.space();
    let children: Vec<CalibratedChild> = (0..3)
        .map(|seed| common::calibrated(space, &space.sample(&mut common::random(seed)), &mut common::random(seed)))
        .collect();
    let pixels: Vec<Vec<u8>> = (0..3).map(common::pixels).collect();
    let images: Vec<Image<'_>> = pixels.iter().map(|pixels| Image::grey8(28, 28, pixels).unwrap()).collect();
    let fresh = self::runtime();
    let fresh_logits = |child: &CalibratedChild| -> Vec<Vec<u32>> {
        let prepared = fresh.prepare(child).unwrap();
        images.iter().map(|image| bits(&fresh.supernet().infer(&prepared, image).unwrap())).collect()
    };
    let expected: Vec<Vec<Vec<u32>>> = children.iter().map(fresh_logits).collect();
    std::thread::scope(|scope| {
        let measuring = scope.spawn(|| {
            let profile = runtime.profile(&quick()).unwrap();
            let ample = runtime.choose(Budget::p90(Millis(1e6))).unwrap();
            for budget in runtime.typical_budgets(3, Quantile::P50).unwrap() {
                // A noisy machine may refuse, but only because of its time.
                let outcome = runtime.choose(budget);
                assert!(matches!(outcome, Ok(_) | Err(Error::BelowFastest { .. })), "{outcome:?}");
            }
            (profile.informative.len(), ample.entry().name.clone())
        });
        let mut turn = 0;
        while turn < 2 * children.len() || !measuring.is_finished() {
            let one = turn % children.len();
            let prepared = runtime.prepare(&children[one]).unwrap();
            for (image, expected) in images.iter().zip(&expected[one]) {
                assert_eq!(bits(&runtime.supernet().infer(&prepared, image).unwrap()), *expected, "turn {turn}");
            }
            turn += 1;
        }
        let (informative, best) = measuring.join().unwrap();
        assert!(informative >= 3 && runtime.children().any(|entry| entry.name == best), "{informative}, {best}");
    });
}

#[test]
fn a_profile_is_read_back_and_says_when_it_is_stale() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.json");
    let runtime = runtime();
    let profile = runtime.profile(&quick()).unwrap();
    assert!(profile.table.is_sound() && profile.table.spread.p95 >= profile.table.spread.p90);
    assert!((3..=30).contains(&profile.informative.len()), "{}", profile.informative.len());
    assert_eq!(profile.table.children as usize, profile.informative.len());
    for times in &profile.informative {
        assert!(!times.runs_ms.is_empty() && times.measured_p50_ms.0 <= times.measured_p95_ms.0, "{times:?}");
        assert!(times.predicted_ms.0 > 0.0 && times.name.is_none());
    }
    assert!(!profile.layers.is_empty() && profile.clock_note.is_none());
    profile.save(&path).unwrap();
    let loaded = DeviceProfile::load(&path).unwrap();
    assert_eq!(loaded, *profile);
    assert_eq!(runtime.staleness_of(&loaded), None);
    let fresh = self::runtime();
    fresh.use_profile(loaded.clone()).unwrap();
    assert_eq!(fresh.current_profile(), Some(profile));

    let changed = |change: fn(&mut DeviceProfile)| {
        let mut changed = loaded.clone();
        change(&mut changed);
        changed
    };
    let staleness = |change| fresh.staleness_of(&changed(change));
    assert!(matches!(staleness(|profile| profile.table.device.driver += " 2"), Some(Stale::Device { .. })));
    assert_eq!(staleness(|profile| profile.nestling = "0.0.1".into()), None, "kernels count, not versions");
    assert!(matches!(staleness(|profile| profile.kernels = "0".into()), Some(Stale::Kernels)));
    assert!(matches!(staleness(|profile| profile.network = "0".into()), Some(Stale::Network { .. })));
    let error = fresh.use_profile(changed(|profile| profile.image_side = 1)).unwrap_err().to_string();
    assert!(
        error.contains("stale") && error.contains("images of 1 pixels") && error.contains("measure again"),
        "{error}"
    );
}

#[test]
fn a_damaged_profile_is_a_typed_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.json");
    assert!(matches!(DeviceProfile::load(&path), Err(ProfileError::Open { .. })));
    let profile = runtime().profile(&quick()).unwrap();
    // A small one: every truncation and every single-bit flip of it is tried.
    let mut small = (*profile).clone();
    small.table.model.coefficients.truncate(1);
    small.layers.truncate(1);
    small.informative.truncate(1);
    small.informative[0].runs_ms.truncate(2);
    small.children.clear();
    let text = small.to_json();
    let load = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        DeviceProfile::load(&path)
    };
    assert_eq!(load(text.as_bytes()).unwrap(), small);
    // The line's end is not part of the document.
    for length in 0..text.len() - 1 {
        let outcome = load(&text.as_bytes()[..length]);
        match outcome {
            // The names of two fields must be there.
            Err(ProfileError::NotAProfile { .. }) if length < 80 => {}
            Err(ProfileError::Damaged { .. }) => {}
            other => panic!("{length} bytes: {other:?}"),
        }
    }
    let mut bytes = text.clone().into_bytes();
    for bit in 0..8 * bytes.len() {
        bytes[bit / 8] ^= 1 << (bit % 8);
        // A flip that changes no value (white space, `e` to `E`) is not damage; one in the format's number says so.
        let outcome = load(&bytes);
        let harmless = match &outcome {
            Ok(loaded) => *loaded == small,
            Err(ProfileError::Damaged { .. } | ProfileError::Version { .. }) => true,
            Err(ProfileError::NotAProfile { .. }) => bit < 8, // the first bracket
            Err(_) => false,
        };
        assert!(harmless, "bit {bit}: {outcome:?}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
    let old = load(text.replace("\"format\": 6", "\"format\": 2").as_bytes());
    assert!(matches!(old, Err(ProfileError::Version { given: 2, .. })), "{old:?}");
    assert!(matches!(load(&[0xff; 9]), Err(ProfileError::NotAProfile { .. })));
    let folder = DeviceProfile::load(folder.path()).unwrap_err().to_string();
    assert!(folder.contains("it is a folder"), "{folder}");
}

#[test]
fn tiles_of_a_profile_are_for_its_own_adapter_and_kernels() {
    use nestling::TileChoice;
    use nestling::low_level::Vendor;
    use nestling::low_level::vendor_tiles;
    let facts = CONTEXT.facts();
    let mut profile = (*runtime().profile(&quick()).unwrap()).clone();
    profile.tiles = vendor_tiles(Vendor::Mali, false); // as if they had been found
    assert_eq!(TileChoice::of_profile(&profile, facts), TileChoice::Given(profile.tiles));
    let error = runtime().use_profile(profile.clone()).unwrap_err();
    assert!(matches!(error, Error::StaleProfile(Stale::Tiles { .. })), "{error}");
    let changed = |change: &dyn Fn(&mut DeviceProfile)| {
        let mut other = profile.clone();
        change(&mut other);
        TileChoice::of_profile(&other, facts)
    };
    assert_eq!(changed(&|other| other.table.device.adapter = "Adreno 740".to_owned()), TileChoice::Vendor);
    assert_eq!(changed(&|other| other.table.device.driver += " 2"), TileChoice::Vendor);
    assert_eq!(changed(&|other| other.table.device.features.push("wings".to_owned())), TileChoice::Vendor);
    assert_eq!(changed(&|other| other.kernels.clear()), TileChoice::Vendor);
}

#[test]
fn a_profile_belongs_to_the_storage_of_the_weights() {
    let stored = |weight_storage| {
        let options = RuntimeOptions::default().weight_storage(Some(weight_storage)).spare_children(2);
        Runtime::open(&BUNDLE, &options).unwrap()
    };
    let half = stored(WeightStorage::F16);
    assert_eq!(half.device().precision, "f32, weights f16");
    assert_eq!(stored(WeightStorage::Int8).device().precision, "f32, weights int8");
    let profile = half.profile(&quick()).unwrap();
    let whole = stored(WeightStorage::F32);
    assert_eq!(whole.device().precision, "f32");
    let error = whole.use_profile((*profile).clone()).unwrap_err();
    assert!(matches!(error, Error::StaleProfile(_)), "{error}");

    let audit = audit_switches(&half, &BUNDLE, 20, &mut common::random(4)).unwrap();
    assert_eq!([audit.weight_bytes, audit.buffers, audit.bind_groups, audit.pipelines], [0; 4]);
    assert!(audit.outputs_equal_fresh_load, "a fresh load stores them alike");
}

fn stored_as(weight_storage: Option<WeightStorage>) -> RuntimeOptions {
    // One set of kernels: answers are compared bit for bit.
    RuntimeOptions::default().weight_storage(weight_storage).start(Start::Tuned)
}

#[test]
fn the_gpu_holds_what_the_file_holds_unless_told_otherwise() {
    let pixels = common::pixels(3);
    let image = Image::grey8(28, 28, &pixels).unwrap();
    let logits = |bundle: &Bundle, options: &RuntimeOptions, expected: WeightStorage| {
        let runtime = Runtime::open_on(&CONTEXT, bundle, options).unwrap();
        assert_eq!(runtime.supernet().weight_storage(), expected);
        assert!(runtime.storage_fault().is_none());
        let memory = runtime.supernet().memory().weights;
        assert_eq!(memory, nestling::low_level::weight_bytes(bundle.layout(), expected));
        runtime.switch_to("biggest").unwrap();
        (runtime.logits(image).unwrap(), runtime.device().precision.clone())
    };
    for (storage, bound) in [(WeightStorage::F32, 0.0), (WeightStorage::F16, 0.0), (WeightStorage::Int8, 1e-5)] {
        let bundle = common::bundle_as(storage);
        let (own, precision) = logits(&bundle, &stored_as(None), storage);
        assert_eq!(
            precision,
            if storage == WeightStorage::F32 { "f32".into() } else { format!("f32, weights {storage}") }
        );
        // Packed as f32 and rounded at load: the same codes, an int8 step at most a unit in the last place off.
        let (rounded, _) = logits(&BUNDLE, &stored_as(Some(storage)), storage);
        let (whole, precision) = logits(&bundle, &stored_as(Some(WeightStorage::F32)), WeightStorage::F32);
        assert_eq!(precision, "f32");
        let largest = own.iter().fold(0.0, |most: f32, logit| most.max(logit.abs()));
        let off = |other: &[f32]| own.iter().zip(other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / largest;
        assert!(off(&rounded) <= bound, "{storage}: {:e}", off(&rounded));
        assert!(off(&whole) < 1e-4, "{storage}: {:e}", off(&whole));
    }
}

#[test]
fn a_profile_belongs_to_the_arithmetic() {
    if !Feature::F16.can_be_tested(CONTEXT.facts().f16) {
        return;
    }
    let precision = |arithmetic, weight_storage| {
        let options = RuntimeOptions::default().arithmetic(arithmetic).weight_storage(weight_storage);
        Runtime::open_on(&CONTEXT, &BUNDLE, &options).unwrap().device().precision.clone()
    };
    assert_eq!(precision(Arithmetic::F16, Some(WeightStorage::Int8)), "f16, weights int8");
    let options = RuntimeOptions::default().arithmetic(Arithmetic::F16);
    // On a context of its own: the audit counts what is made on it.
    let half = Runtime::open(&BUNDLE, &options).unwrap();
    assert_eq!(half.device().precision, "f16");
    let profile = half.profile(&quick()).unwrap();
    let whole = Runtime::open_on(&CONTEXT, &BUNDLE, &RuntimeOptions::default()).unwrap();
    let error = whole.use_profile((*profile).clone()).unwrap_err();
    assert!(matches!(error, Error::StaleProfile(_)), "{error}");
    let audit = audit_switches(&half, &BUNDLE, 20, &mut common::random(5)).unwrap();
    assert_eq!([audit.weight_bytes, audit.buffers, audit.bind_groups, audit.pipelines], [0; 4]);
    assert!(audit.outputs_equal_fresh_load);
}

#[test]
fn a_trained_network_sees_the_same_in_pictures_with_less_precision() {
    let assets = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/assets");
    let bundle = Bundle::open(assets.join("fashion.nestling")).unwrap();
    let mut paths: Vec<_> = std::fs::read_dir(&assets).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    assert_eq!(paths.len(), 10);
    let answers = |arithmetic, weight_storage| -> Vec<_> {
        let options = stored_as(Some(weight_storage)).arithmetic(arithmetic);
        let runtime = Runtime::open_on(&CONTEXT, &bundle, &options).unwrap();
        runtime.switch_to("biggest").unwrap();
        let picture = |path| nestling_pictures::Picture::open(path).unwrap();
        paths.iter().map(|path| runtime.classify(picture(path).image()).unwrap()).collect()
    };
    let exact = answers(Arithmetic::F32, WeightStorage::F32);
    let mut cases = vec![(Arithmetic::F32, WeightStorage::F16, 1e-2), (Arithmetic::F32, WeightStorage::Int8, 0.05)];
    if Feature::F16.can_be_tested(CONTEXT.facts().f16) {
        let bounds = [1e-2, 1e-2, 0.05];
        cases.extend(
            WeightStorage::ALL.into_iter().zip(bounds).map(|(storage, bound)| (Arithmetic::F16, storage, bound)),
        );
    }
    for (arithmetic, storage, bound) in cases {
        let mut worst: f32 = 0.0;
        for ((exact, smaller), path) in exact.iter().zip(answers(arithmetic, storage)).zip(&paths) {
            let largest = exact.logits().iter().fold(0.0, |most: f32, logit| most.max(logit.abs()));
            let differences = exact.logits().iter().zip(smaller.logits()).map(|(a, b)| (a - b).abs());
            worst = worst.max(differences.fold(0.0, f32::max) / largest);
            assert_eq!(exact.top().label, smaller.top().label, "{arithmetic}, {storage}: {}", path.display());
        }
        println!("{arithmetic}, weights {storage}: largest relative difference {worst:e}");
        assert!(worst > 0.0 && worst < bound, "{arithmetic}, {storage}: {worst}");
    }
}

#[test]
fn a_bundle_that_asks_for_more_work_is_refused() {
    let biggest = BUNDLE.space().lower(&BUNDLE.space().biggest()).unwrap().cost().madds.0;
    let open = |limit| Runtime::open_on(&CONTEXT, &BUNDLE, &RuntimeOptions::default().max_madds(Some(limit)));
    let before = CONTEXT.counters();
    let error = open(biggest - 1).unwrap_err();
    assert!(
        matches!(error, Error::TooMuchWork { given, limit } if given == biggest && limit == biggest - 1),
        "{error}"
    );
    assert_eq!(error.code(), "too_much_work");
    assert_eq!(CONTEXT.counters().buffers, before.buffers, "nothing was made for it");
    assert!(open(biggest).is_ok());
}
