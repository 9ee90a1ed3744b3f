//! Children that do not ship: found in the whole space, adopted, governed.
#![allow(clippy::unwrap_used, reason = "a test's panic is its message")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use common::bits;
use nestling::Error;
use nestling::ProfileOptions;
use nestling::Start;
use nestling::low_level::Counters;
use nestling::{Context, ContextOptions};
use nestling::{Governed, WholeSpaceChoice, WholeSpaceOptions};
use nestling::{Runtime, RuntimeOptions};
use nestling_bundle::Bundle;
use nestling_core::choosing::Budget;
use nestling_core::governor::{Decision, GovernorError, GovernorOptions, Reason, Rung};
use nestling_core::image::Image;
use nestling_core::metrics::{Millis, Quantile};
use nestling_core::space::CalibratedChild;
use nestling_lab::audit::{ChoiceAuditOptions, audit_choices};
use std::sync::LazyLock;
use std::time::Duration;

static CONTEXT: LazyLock<Context> = LazyLock::new(|| Context::new(&ContextOptions::default()).unwrap());
static TRAINED: LazyLock<Bundle> = LazyLock::new(common::trained);

fn options(spare_children: usize) -> RuntimeOptions {
    // One set of kernels: answers are compared bit for bit.
    RuntimeOptions::default().spare_children(spare_children).max_image_side(64).start(Start::Tuned)
}

fn runtime(bundle: &Bundle) -> Runtime {
    Runtime::open_on(&CONTEXT, bundle, &options(8)).unwrap()
}

fn quick() -> ProfileOptions<'static> {
    ProfileOptions::default().time(Duration::from_millis(500))
}

/// A bundle whose only child is far from the best of the space.
fn smallest_alone() -> Bundle {
    common::repacked(&TRAINED, |manifest| manifest.children.retain(|entry| entry.name == "smallest"))
}

/// The answers of a child on a runtime that was loaded for it.
fn fresh_logits(bundle: &Bundle, child: &CalibratedChild, images: &[Image<'_>]) -> Vec<Vec<u32>> {
    let fresh = runtime(bundle);
    let prepared = fresh.prepare(child).unwrap();
    images.iter().map(|image| bits(&fresh.supernet().infer(&prepared, image).unwrap())).collect()
}

/// A choice in the whole space for a budget that the device holds. A machine whose load grows may refuse a budget: it
/// is widened then, and one of a few must hold.
fn held(runtime: &Runtime, mut budget: Budget) -> (Budget, WholeSpaceChoice) {
    for _ in 0..5 {
        match runtime.choose_in_whole_space(&TRAINED, budget, &WholeSpaceOptions::default()) {
            Ok(choice) => return (budget, choice),
            Err(Error::BelowFastest { measured, .. }) => {
                let fastest = measured.at(budget.quantile);
                // With the room that a budget must have, the fastest child did not keep it.
                assert!(budget.limit.0 < 1.5 * fastest.0, "{budget} was refused with {fastest}");
                budget.limit.0 = 1.5 * fastest.0;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("no budget up to {budget} holds");
}

#[test]
fn the_whole_space_is_searched_within_the_budget_or_the_shipped_child_stays() {
    let runtime = runtime(&TRAINED);
    runtime.profile(&quick()).unwrap();
    let budgets = runtime.typical_budgets(3, Quantile::P50).unwrap();
    assert_eq!(budgets.len(), 3);
    for budget in budgets {
        let (budget, choice) = held(&runtime, Budget { limit: Millis(1.3 * budget.limit.0), ..budget });
        assert_eq!(runtime.active().child(), choice.child());
        match choice.adopted() {
            None => assert_eq!(runtime.active().name(), Some(choice.shipped().entry().name.as_str())),
            Some(adopted) => {
                assert!(budget.holds(adopted.measured) && adopted.expected_gain > 0.0, "{choice}");
                assert_eq!((runtime.active().name(), adopted.calibrated.child()), (None, choice.child()));
                assert!(adopted.check.images > 100 && adopted.check.percent() > 80.0, "{}", adopted.check);
            }
        }
        assert!(!choice.to_string().contains('\n') && choice.to_string().contains(choice.why()));
    }
}

#[test]
fn choices_in_the_whole_space_are_audited() {
    let bundle = smallest_alone();
    let runtime = runtime(&bundle);
    runtime.profile(&quick()).unwrap();
    let test: Vec<_> = bundle.check_images().collect();
    let options = ChoiceAuditOptions {
        budgets: 3,
        whole_space_budgets: 5,
        // The last budgets admit any child of the space, however busy the machine is.
        slowest_factor: 100.0,
        quantile: Quantile::P50,
        test: &test,
        truth: Duration::ZERO,
        ..ChoiceAuditOptions::default()
    };
    let audit = audit_choices(&runtime, &bundle, &options).unwrap();
    assert_eq!((audit.choices.len(), audit.whole_space.len()), (3, 5));
    // Other load may refuse the first budgets, which leave little room, but not the last ones. There a better child
    // than the only one that ships is found.
    assert!(audit.whole_space[4].adopted.is_some(), "{audit:?}");
    let refused = audit.choices.iter().filter(|one| one.chosen.is_none()).count();
    assert!(audit.refused == refused && refused < 3, "{audit:?}");
    let widest = audit.choices.iter().max_by(|a, b| a.budget_ms.0.total_cmp(&b.budget_ms.0)).unwrap();
    assert_eq!((widest.chosen.as_deref(), widest.oracle.as_deref()), (Some("smallest"), Some("smallest")));
    // Nobody can do better than with the only child.
    assert_eq!((audit.mean_regret_points, audit.worst_regret_points), (0.0, 0.0));
    // A refusal has no child and no times, anything else has both.
    for one in &audit.choices {
        let times = [one.measured_ms, one.again_ms, one.again_without_drift_ms].map(|time| time.is_some());
        assert_eq!(times, [one.chosen.is_some(); 3], "{one:?}");
        assert!(one.measured_ms.is_none_or(|measured| measured.0 <= one.budget_ms.0), "{one:?}");
    }
    for one in &audit.whole_space {
        let known = (one.measured_ms.is_some(), one.again_ms.is_some(), one.adopted.is_none() || one.shipped.is_some());
        assert_eq!(known, (one.shipped.is_some(), one.shipped.is_some(), true), "{one:?}");
        if one.adopted.is_some() {
            assert!(one.measured_ms.unwrap().0 <= one.budget_ms.0, "{one:?}");
        }
    }
}

#[test]
fn a_budget_of_no_length_is_not_audited() {
    let bundle = smallest_alone();
    let runtime = runtime(&bundle);
    runtime.profile(&quick()).unwrap();
    for slowest_factor in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let options = ChoiceAuditOptions { slowest_factor, ..ChoiceAuditOptions::default() };
        let error = audit_choices(&runtime, &bundle, &options).unwrap_err();
        assert!(matches!(error, Error::InvalidBudget { .. }), "{error}");
    }
}

#[test]
fn a_bundle_that_ships_only_its_smallest_child_adopts_a_better_one() {
    let bundle = smallest_alone();
    // One spare slot is enough for a search.
    let runtime = Runtime::open_on(&CONTEXT, &bundle, &options(1)).unwrap();
    let profile = runtime.profile(&quick()).unwrap();
    // Far more than any child takes.
    let budget = Budget::p50(Millis(100.0 * profile.table.predict(&bundle.networks()[0]).0));
    let choice = runtime.choose_in_whole_space(&bundle, budget, &WholeSpaceOptions::default()).unwrap();
    let adopted = choice.adopted().unwrap_or_else(|| panic!("{choice}"));
    assert_eq!(choice.shipped().entry().name, "smallest");
    assert!(adopted.check.images > 100 && adopted.check.images == adopted.check_of_shipped.images);
    assert!(adopted.check.correct >= adopted.check_of_shipped.correct, "{choice}");
    assert!(adopted.expected_gain > 1.0 && budget.holds(adopted.measured), "{choice}");
    let shipped_top1 = choice.shipped().entry().held_out.percent();
    assert_eq!(adopted.accuracy, shipped_top1 + adopted.expected_gain);

    let images: Vec<Image<'_>> = bundle.check_images().take(20).map(|(image, _)| image).collect();
    let ours: Vec<Vec<u32>> = images.iter().map(|image| bits(&runtime.logits(image).unwrap())).collect();
    assert_eq!(ours, fresh_logits(&bundle, &adopted.calibrated, &images));
}

#[test]
fn an_adopted_child_becomes_a_rung_while_another_serves() {
    let bundle = smallest_alone();
    // A device of its own, so that no other test is counted.
    let runtime = Runtime::open(&bundle, &options(2)).unwrap();
    runtime.profile(&quick()).unwrap();
    let patience = GovernorOptions::new(Millis(60_000.0)).up_after(Duration::ZERO).quiet(Duration::ZERO);
    let governed = Governed::new(&runtime, patience).unwrap();
    let images: Vec<Image<'_>> = bundle.check_images().take(8).map(|(image, _)| image).collect();
    let (choice, answers) = std::thread::scope(|scope| {
        let search = scope.spawn(|| governed.adopt(&bundle, &WholeSpaceOptions::default()));
        let mut answers = Vec::new();
        while !search.is_finished() {
            answers.push(governed.classify(images[answers.len() % images.len()]).unwrap());
        }
        (search.join().unwrap().unwrap(), answers)
    });
    let adopted = choice.adopted().unwrap_or_else(|| panic!("{choice}"));
    let name = adopted.prepared.to_string();
    let rungs = governed.governor().ladder().rungs().to_vec();
    assert_eq!(rungs.iter().map(|rung| rung.name.as_str()).collect::<Vec<_>>(), ["smallest", name.as_str()]);
    assert_eq!((rungs[0].accuracy, rungs[1].accuracy), (bundle.children()[0].held_out.percent(), adopted.accuracy));
    let of_smallest = fresh_logits(&bundle, &bundle.calibrated()[0], &images);
    let of_adopted = fresh_logits(&bundle, &adopted.calibrated, &images);
    for (place, answer) in answers.iter().enumerate() {
        let image = place % images.len();
        let own = if *answer.child() == bundle.children()[0].child { &of_smallest } else { &of_adopted };
        assert_eq!(bits(answer.logits()), own[image], "{place}");
    }

    // Down, up, and every answer as after a fresh load; nothing is made or sent for it.
    let loaded = runtime.supernet().counters();
    let until = |rung: usize| {
        for _ in 0..200 {
            if governed.governor().current() == rung {
                return;
            }
            governed.classify(images[0]).unwrap();
        }
        panic!("rung {rung} is never reached");
    };
    until(1);
    let of_top = runtime.active();
    assert_eq!((of_top.name(), of_top.child()), (None, adopted.calibrated.child()));
    let said = [(); 3].map(|()| governed.observe(&of_top, Millis(1e6)));
    assert_eq!(said[2], Decision::StepDown { to: 0, why: Reason::Misses });
    assert_eq!(runtime.active().name(), Some("smallest"));
    until(1);
    for (image, own) in images.iter().zip(&of_adopted) {
        assert_eq!(bits(governed.classify(image).unwrap().logits()), *own);
    }
    let Counters { weight_bytes_uploaded, buffers, bind_groups, pipelines, .. } =
        runtime.supernet().counters() - loaded;
    assert_eq!([weight_bytes_uploaded, buffers, bind_groups, pipelines], [0; 4]);
    // The same child is found again, and is a rung already.
    assert!(governed.adopt(&bundle, &WholeSpaceOptions::default()).is_ok());
    assert_eq!(governed.governor().ladder().rungs(), rungs);
}

#[test]
fn only_what_nothing_beats_is_a_rung_and_holds_a_slot() {
    let bundle = smallest_alone();
    let runtime = Runtime::open_on(&CONTEXT, &bundle, &options(1)).unwrap();
    runtime.profile(&quick()).unwrap();
    let governed = runtime.governed(Millis(60_000.0)).unwrap();
    let child = bundle.space().sample(&mut common::random(5));
    let calibrated = common::calibrated(bundle.space(), &child, &mut common::random(6));
    let prepare = || runtime.prepare(&calibrated).unwrap();
    let rung = |name: &str, ms: f64, accuracy: f64| Rung { name: name.to_owned(), predicted: Millis(ms), accuracy };
    let rungs = || governed.governor().ladder().rungs().to_vec();
    let before = rungs();
    // One spare slot: each time it is free again.
    assert!(!governed.add(rung("dominated", 1e6, 1.0), &prepare()).unwrap());
    let error = governed.add(rung("smallest", 1e6, 99.0), &prepare()).unwrap_err();
    assert!(matches!(error, Error::Governor(GovernorError::Rung { .. })), "{error}");
    assert_eq!((rungs(), runtime.active().name()), (before, Some("smallest")));
    let other = self::runtime(&bundle);
    let error = governed.add(rung("foreign", 1.0, 99.0), &other.prepare(&calibrated).unwrap()).unwrap_err();
    assert!(matches!(error, Error::Foreign { .. }), "{error}");

    // A child that dominates the one that serves takes its place.
    assert!(governed.add(rung("best", 1e-3, 99.0), &prepare()).unwrap());
    assert_eq!((rungs().len(), governed.governor().rung().name.as_str()), (1, "best"));
    let image = bundle.check_images().next().unwrap().0;
    assert_eq!((runtime.active().child(), governed.classify(image).unwrap().child()), (&child, &child));
    assert!(matches!(runtime.prepare(&calibrated), Err(Error::SlotsInUse { .. })));
}

#[test]
fn a_bundle_that_cannot_judge_unshipped_children_says_what_it_lacks() {
    let options = WholeSpaceOptions::default();
    let silent = common::bundle();
    let error = runtime(&silent).choose_in_whole_space(&silent, Budget::p50(Millis(1e6)), &options).unwrap_err();
    assert!(matches!(error, Error::CannotJudge { missing: "accuracy predictor" }), "{error}");
    let error = runtime(&silent).choose_in_whole_space(&TRAINED, Budget::p50(Millis(1e6)), &options).unwrap_err();
    assert!(matches!(error, Error::OtherBundle { .. }), "{error}");
    let error = runtime(&TRAINED).choose_in_whole_space(&TRAINED, Budget::p50(Millis(1e-6)), &options).unwrap_err();
    assert!(error.to_string().contains("fastest"), "{error}");
}
