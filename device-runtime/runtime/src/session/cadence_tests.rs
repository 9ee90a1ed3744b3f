//! A profile at an app's cadence, and choices with it.

use super::*;
use crate::engine::Start;
use crate::profiling::ProfileOptions;
use nestling_core::choosing::Budget;
use nestling_core::governor::ThermalHint;
use nestling_core::metrics::{Millis, PowerMode};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

const EVERY: Duration = Duration::from_millis(40);

fn runtime() -> Runtime {
    let options = RuntimeOptions::default().start(Start::Tuned);
    Runtime::open(&tests::bundle(WeightStorage::F32), &options).unwrap()
}

fn paced(time: Duration) -> ProfileOptions<'static> {
    let options = ProfileOptions::default().time(time).every(Some(EVERY));
    options.thermal_hint(ThermalHint::Fair).power_mode(PowerMode::Battery)
}

#[test]
fn a_paced_profile_stores_its_conditions_takes_its_time_and_is_chosen_with_at_its_cadence() {
    let (runtime, time) = (runtime(), Duration::from_secs(4));
    let started = Instant::now();
    let profile = runtime.profile(&paced(time)).unwrap();
    let took = started.elapsed();
    assert!(took > time.mul_f64(0.8) && took < time.mul_f64(2.5), "{took:?}");
    let conditions = profile.conditions.unwrap();
    assert_eq!((conditions.cadence_ms, profile.cadence()), (Some(Millis(40.0)), Some(EVERY)));
    assert_eq!((conditions.thermal_hint, conditions.power_mode), (ThermalHint::Fair, PowerMode::Battery));
    assert!((0.0..=1.0).contains(&conditions.load.share) && conditions.load.share > 0.0);
    // Each run had a slot of its own.
    let all = || profile.informative.iter().chain(&profile.children);
    let runs = all().map(|times| times.runs_ms.len()).sum::<usize>() + profile.timeline_ms.len();
    assert!(runs as f64 <= took.as_secs_f64() / EVERY.as_secs_f64() + 1.0, "{runs} in {took:?}");
    assert!(profile.informative.len() >= 3 && profile.table.children >= 3);

    // The next start takes it as it takes any other.
    let next = self::runtime();
    next.use_profile(DeviceProfile::from_json(&profile.to_json()).unwrap()).unwrap();
    let started = Instant::now();
    let choice = next.choose(Budget::p90(Millis(60_000.0))).unwrap();
    assert_eq!(choice.entry().name, "biggest");
    // The timeline before it, and the child: ten runs of each or more.
    assert!(started.elapsed() > 20 * EVERY, "{:?}", started.elapsed());
    let refined = next.current_profile().unwrap();
    assert_eq!(refined.conditions, profile.conditions, "a choice refines it, and its conditions stay");
    assert!(refined.learned(&choice.entry().child).unwrap().runs_ms.len() >= 10);
}

#[test]
fn a_profile_without_a_cadence_is_back_to_back_and_its_heat_and_power_unknown() {
    let profile = runtime().profile(&ProfileOptions::default().time(Duration::from_millis(100))).unwrap();
    let conditions = profile.conditions.unwrap();
    assert_eq!((conditions.cadence_ms, profile.cadence()), (None, None));
    assert_eq!((conditions.thermal_hint, conditions.power_mode), (ThermalHint::Unknown, PowerMode::Unknown));
}

/// Between two slots the executor is free.
#[test]
fn a_paced_future_holds_no_thread_while_it_waits() {
    let (runtime, options) = (runtime(), paced(Duration::from_secs(2)));
    let (started, mut held) = (Instant::now(), Duration::ZERO);
    let mut future = std::pin::pin!(runtime.profile_async(&options));
    let profile = pollster::block_on(std::future::poll_fn(|task| {
        let begun = Instant::now();
        let polled = future.as_mut().poll(task);
        held += begun.elapsed();
        polled
    }))
    .unwrap();
    assert!(held < started.elapsed() / 2, "{held:?} of {:?}", started.elapsed());
    assert_eq!(profile.cadence(), Some(EVERY));
    // One that is dropped while it waits leaves the turn free.
    {
        let mut dropped = std::pin::pin!(runtime.profile_async(&options));
        let mut task = std::task::Context::from_waker(Waker::noop());
        let until = Instant::now() + 5 * EVERY;
        while Instant::now() < until {
            assert!(matches!(dropped.as_mut().poll(&mut task), Poll::Pending));
            std::thread::yield_now();
        }
    }
    assert!(runtime.profile(&ProfileOptions::default().time(Duration::ZERO).children(1)).is_ok());
}
