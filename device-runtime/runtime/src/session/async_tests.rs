//! Futures of the session: sent to other threads, dropped before their end, and refused in the midst of another.

use super::*;
use crate::engine::Start;
use crate::gpu::ContextOptions;
use crate::profiling::ProfileOptions;
use crate::{Phase, Progress};
use nestling_core::choosing::Budget;
use nestling_core::image::Image;
use nestling_core::metrics::{Millis, Quantile};
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

fn runtime(bundle: &Bundle) -> Runtime {
    Runtime::open(bundle, &RuntimeOptions { start: Start::Tuned, ..RuntimeOptions::default() }).unwrap()
}

fn quick() -> ProfileOptions<'static> {
    ProfileOptions { time: Duration::from_millis(100), ..ProfileOptions::default() }
}

/// Enough for every child: the most accurate one is chosen.
fn ample() -> Budget {
    Budget::p50(Millis(60_000.0))
}

fn assert_send<T: Send>(_: &T) {}

/// Polls a future until `is_far_enough`, and drops it there.
fn poll_and_drop<T>(future: impl Future<Output = T>, is_far_enough: impl Fn() -> bool) {
    let mut future = std::pin::pin!(future);
    let mut task = TaskContext::from_waker(Waker::noop());
    while !is_far_enough() {
        assert!(matches!(future.as_mut().poll(&mut task), Poll::Pending), "it ended before it was dropped");
        std::thread::yield_now();
    }
    // Once more: it waits for the GPU now.
    assert!(matches!(future.as_mut().poll(&mut task), Poll::Pending), "it ended before it was dropped");
}

#[test]
fn every_future_can_be_sent_to_another_thread() {
    let bundle = tests::bundle(WeightStorage::F32);
    let options = RuntimeOptions::default();
    assert_send(&Runtime::open_async(&bundle, &options));
    let runtime = runtime(&bundle);
    let image = runtime.probe_image();
    let (images, child) = ([image], bundle.space().smallest());
    let progress: crate::OnProgress<'_> = &|_| ();
    assert_send(&runtime.profile_async(&quick()));
    assert_send(&runtime.ensure_profile_async());
    assert_send(&runtime.ensure_profile_with_async(None));
    assert_send(&runtime.choose_async(ample(), Some(progress)));
    assert_send(&runtime.typical_budgets_async(2, Quantile::P50));
    assert_send(&runtime.choose_spread_async(2, Quantile::P50));
    assert_send(&runtime.classify_async(&image));
    assert_send(&runtime.classify_many_async(&images));
    assert_send(&runtime.logits_async(&image));
    assert_send(&runtime.prepare_async(&bundle.calibrated()[0]));
    assert_send(&runtime.calibrate_async(&child, &images, Some(progress)));
    assert_send(&runtime.choose_in_whole_space_async(&bundle, ample(), &WholeSpaceOptions::default()));
    // And one is: another thread runs it to its end.
    let future = runtime.classify_async(&image);
    let there = std::thread::scope(|scope| scope.spawn(|| pollster::block_on(future)).join().unwrap());
    assert_eq!(there.unwrap(), runtime.classify(image).unwrap());
}

#[test]
fn a_dropped_profile_leaves_no_profile_and_the_turn_free() {
    let bundle = tests::bundle(WeightStorage::F32);
    let runtime = runtime(&bundle);
    let started = AtomicBool::new(false);
    let progress = |_: Progress| started.store(true, Ordering::Relaxed);
    let options = ProfileOptions { progress: Some(&progress), ..ProfileOptions::default() };
    poll_and_drop(runtime.profile_async(&options), || started.load(Ordering::Relaxed));
    assert!(runtime.current_profile().is_none());
    runtime.profile(&quick()).unwrap();
    assert!(runtime.current_profile().is_some());
}

#[test]
fn a_callback_can_end_a_measurement_that_a_thread_waits_for() {
    let bundle = tests::bundle(WeightStorage::F32);
    let runtime = runtime(&bundle);
    let reports = std::sync::atomic::AtomicUsize::new(0);
    let progress = |_: Progress| {
        reports.fetch_add(1, Ordering::Relaxed);
    };
    let ended = block_on(async {
        let mut future = std::pin::pin!(runtime.ensure_profile_with_async(Some(&progress)));
        let seen = || reports.load(Ordering::Relaxed);
        std::future::poll_fn(|task| match future.as_mut().poll(task) {
            Poll::Pending if seen() > 1 => Poll::Ready(None),
            polled => polled.map(Some),
        })
        .await
    });
    assert!(ended.is_none() && reports.into_inner() == 2);
    assert!(runtime.current_profile().is_none());
    assert!(runtime.ensure_profile().is_ok());
}

#[test]
fn a_dropped_choice_leaves_the_active_child_and_the_turn_free() {
    let bundle = tests::bundle(WeightStorage::F32);
    let runtime = runtime(&bundle);
    runtime.profile(&quick()).unwrap();
    runtime.switch_to("smallest").unwrap();
    let is_choosing = AtomicBool::new(false);
    let progress = |progress: Progress| is_choosing.store(progress.phase == Phase::Choosing, Ordering::Relaxed);
    poll_and_drop(runtime.choose_async(ample(), Some(&progress)), || is_choosing.load(Ordering::Relaxed));
    assert_eq!(runtime.active().name(), Some("smallest"));

    // One that is never polled takes no turn.
    drop(runtime.choose_async(ample(), None));
    let choice = runtime.choose(ample()).unwrap();
    assert_eq!((choice.entry().name.as_str(), runtime.active().name()), ("biggest", Some("biggest")));
}

#[test]
fn a_spread_can_be_dropped_and_awaited_and_needs_a_profile_of_its_own_only_once() {
    let bundle = tests::bundle(WeightStorage::F32);
    let runtime = runtime(&bundle);
    poll_and_drop(runtime.typical_budgets_async(2, Quantile::P50), || true);
    poll_and_drop(runtime.choose_spread_async(2, Quantile::P50), || true);
    assert!(runtime.current_profile().is_none());
    runtime.profile(&quick()).unwrap();
    let budgets = pollster::block_on(runtime.typical_budgets_async(2, Quantile::P50)).unwrap();
    assert_eq!(budgets, runtime.typical_budgets(2, Quantile::P50).unwrap());
    // A choice is under way when this is dropped: the turn is free again, and the active child the one that it was.
    runtime.switch_to("smallest").unwrap();
    poll_and_drop(runtime.choose_spread_async(2, Quantile::P50), || true);
    assert_eq!(runtime.active().name(), Some("smallest"));
    match pollster::block_on(runtime.choose_spread_async(2, Quantile::P50)) {
        Ok(choices) => {
            assert_eq!(choices.len(), budgets.len());
            assert_eq!(runtime.active().name(), choices.last().map(|choice| choice.entry().name.as_str()));
        }
        // Other load may grow faster than budgets are widened.
        Err(error) => assert!(matches!(error, Error::BelowFastest { .. }), "{error}"),
    }
}

#[test]
fn logits_are_the_same_with_and_without_blocking() {
    let bundle = tests::bundle(WeightStorage::F32);
    let runtime = runtime(&bundle);
    let image = runtime.probe_image();
    let logits = pollster::block_on(runtime.logits_async(&image)).unwrap();
    assert_eq!(logits, runtime.logits(image).unwrap());
    {
        let mut dropped = std::pin::pin!(runtime.logits_async(&image));
        let _ = dropped.as_mut().poll(&mut TaskContext::from_waker(Waker::noop()));
    }
    assert_eq!(logits, runtime.classify(image).unwrap().logits());
}

#[test]
fn a_progress_callback_that_measures_is_refused_and_one_that_classifies_is_answered() {
    let bundle = tests::bundle(WeightStorage::F32);
    let runtime = runtime(&bundle);
    runtime.profile(&quick()).unwrap();
    let image = runtime.probe_image();
    let (child, images): (_, [Image<'_>; 1]) = (bundle.space().smallest(), [image]);
    let calls = Mutex::new(0);
    let progress = |_: Progress| {
        let refused = [
            runtime.choose(ample()).map(drop),
            runtime.profile(&quick()).map(drop),
            runtime.calibrate(&child, &images).map(drop),
        ];
        for outcome in refused {
            assert!(matches!(outcome, Err(Error::Busy { action: "a choice" })), "{outcome:?}");
        }
        assert!(!runtime.classify(image).unwrap().logits().is_empty());
        *calls.lock().unwrap() += 1;
    };
    let choice = pollster::block_on(runtime.choose_async(ample(), Some(&progress))).unwrap();
    assert_eq!(choice.entry().name, "biggest");
    assert!(*calls.lock().unwrap() > 0);
    // The same on the thread that polls the GPU by itself.
    crate::gpu::block_on(runtime.choose_async(ample(), Some(&progress))).unwrap();
    assert!(runtime.choose(ample()).is_ok(), "the turn is free again");
}

#[test]
fn answers_choices_and_profiles_tell_which_kernels_others_replaced() {
    let context = Context::new(&ContextOptions::default()).unwrap();
    context.sabotage("depthwise", crate::gpu::Sabotage::Wrong);
    let options = RuntimeOptions::default().start(Start::Tuned);
    let runtime = Runtime::open_on(&context, &tests::bundle(WeightStorage::F32), &options).unwrap();
    let pixels = [90; 28 * 28];
    let answer = runtime.classify(Image::grey8(28, 28, &pixels).unwrap()).unwrap();
    assert!(answer.replaced().iter().any(|one| one.wrong.contains("depthwise")), "{:?}", answer.replaced());
    assert_eq!(answer.replaced(), runtime.replaced());
    let profile = runtime.profile(&ProfileOptions::default().time(Duration::from_millis(100))).unwrap();
    assert!(profile.replaced.len() == answer.replaced().len() && profile.replaced[0].contains("depthwise"));
    assert_eq!(*profile, DeviceProfile::from_json(&profile.to_json()).unwrap());
    let choice = runtime.choose(Budget::p90(Millis(60_000.0))).unwrap();
    assert!(choice.why().contains("wrong on this device and replaced"), "{}", choice.why());
    assert_eq!(choice.replaced(), profile.replaced);
}

#[test]
fn a_second_caller_is_refused_until_the_first_one_ends() {
    let turn = Turn::default();
    let first = turn.take("a measurement").unwrap();
    let refused = turn.take("a choice").unwrap_err();
    assert!(matches!(refused, Error::Busy { action: "a measurement" }), "{refused}");
    drop(first);
    drop(turn.take("a choice").unwrap());
}
