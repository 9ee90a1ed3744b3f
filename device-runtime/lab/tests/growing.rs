//! A runtime that is opened with the first shell of a bundle, and grows. Nothing here depends on a time.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

#[path = "../../bundle/tests/common/mod.rs"]
mod common;

use common::{bits, bundle_bytes_as, pixels};
use nestling::{Bundle, BundleStream, Error, ProfileOptions, Runtime, RuntimeOptions, Start};
use nestling_core::choosing::Budget;
use nestling_core::image::Image;
use nestling_core::metrics::{Millis, Quantile};
use nestling_core::weights::WeightStorage;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A bundle after each shell that makes more children usable, and whole at last.
fn parts(bytes: &[u8]) -> Vec<Bundle> {
    let (mut stream, mut parts) = (BundleStream::default(), Vec::new());
    for piece in bytes.chunks(1000) {
        let before = stream.arrived_children();
        stream.push(piece).unwrap();
        if stream.arrived_children() > before || stream.is_whole() {
            parts.push(stream.bundle().unwrap().unwrap());
        }
    }
    parts
}

/// One set of kernels: answers are compared bit for bit.
fn open(bundle: &Bundle) -> Runtime {
    Runtime::open(bundle, &RuntimeOptions::default().max_image_side(64).start(Start::Tuned)).unwrap()
}

fn answers(runtime: &Runtime, child: &str) -> Vec<Vec<u32>> {
    runtime.switch_to(child).unwrap();
    (0..3).map(|seed| bits(&runtime.logits(Image::grey8(28, 28, &pixels(seed)).unwrap()).unwrap())).collect()
}

#[test]
fn a_growing_runtime_answers_as_one_that_was_opened_with_the_whole_bundle() {
    for storage in WeightStorage::ALL {
        let bytes = bundle_bytes_as(storage);
        let whole = Bundle::from_bytes(&bytes).unwrap();
        let names: Vec<&str> = whole.children().iter().map(|entry| &*entry.name).collect();
        let expected: Vec<_> = {
            let runtime = open(&whole);
            names.iter().map(|name| answers(&runtime, name)).collect()
        };
        let parts = parts(&bytes);
        assert!(parts.len() >= 3 && !parts[0].is_whole(), "{} parts", parts.len());
        let runtime = open(&parts[0]);
        for part in &parts {
            let (active, before) = (runtime.active().child().clone(), runtime.supernet().counters());
            let count = runtime.grow(part).unwrap();
            let made = runtime.supernet().counters() - before;
            assert_eq!((made.buffers, made.bind_groups, made.pipelines), (0, 0, 0), "{storage}");
            assert_eq!((count, runtime.active().child()), (part.calibrated().len(), &active));
            for (name, expected) in names.iter().zip(&expected).take(count) {
                assert!(answers(&runtime, name) == *expected, "{storage}: {name} of {count}");
            }
            for name in &names[count..] {
                assert_eq!(runtime.switch_to(*name).unwrap_err().code(), "not_arrived");
            }
        }
        assert_eq!(runtime.arrived_children(), names.len());
        // Nothing is sent again.
        let before = runtime.supernet().counters();
        assert_eq!(runtime.grow(parts.last().unwrap()).unwrap(), names.len());
        assert_eq!(runtime.grow(&parts[0]).unwrap(), names.len());
        assert_eq!(runtime.supernet().counters(), before);
    }
}

#[test]
fn a_choice_is_among_the_children_that_have_arrived() {
    let parts = parts(&bundle_bytes_as(WeightStorage::F32));
    let runtime = open(&parts[0]);
    runtime.profile(&ProfileOptions::default().time(Duration::from_millis(100))).unwrap();
    let ample = Budget { limit: Millis(10_000.0), quantile: Quantile::P50 };
    assert_eq!(runtime.choose(ample).unwrap().entry().name, "smallest");
    runtime.grow(parts.last().unwrap()).unwrap();
    assert_eq!(runtime.choose(ample).unwrap().entry().name, "biggest");
}

#[test]
fn what_may_read_missing_weights_is_refused_until_all_are_there() {
    let parts = parts(&bundle_bytes_as(WeightStorage::F32));
    let runtime = open(&parts[0]);
    let other = runtime.space().biggest();
    let pixels = pixels(1);
    let images = [Image::grey8(28, 28, &pixels).unwrap()];
    let calibrated = parts.last().unwrap().child("biggest").unwrap().calibrated;
    for error in [
        runtime.calibrate(&other, &images).map(drop).unwrap_err(),
        runtime.prepare(calibrated).map(drop).unwrap_err(),
        runtime.prepared("biggest").map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, Error::NotArrived { .. }), "{error}");
    }
    runtime.grow(parts.last().unwrap()).unwrap();
    assert!(runtime.calibrate(&other, &images).is_ok() && runtime.prepare(calibrated).is_ok());
    let foreign = runtime.grow(&common::trained()).unwrap_err();
    assert!(matches!(foreign, Error::OtherBundle { .. }), "{foreign}");
}

#[test]
fn classifications_go_on_while_it_grows() {
    let parts = parts(&bundle_bytes_as(WeightStorage::F32));
    let runtime = open(&parts[0]);
    let pixels = pixels(5);
    let image = Image::grey8(28, 28, &pixels).unwrap();
    let expected = bits(&runtime.logits(image).unwrap());
    // Checks an answer, and returns the milliseconds that it took.
    let timed = || {
        let started = Instant::now();
        assert_eq!(bits(&runtime.logits(image).unwrap()), expected);
        started.elapsed().as_secs_f64() * 1e3
    };
    let mut before: Vec<f64> = (0..200).map(|_| timed()).collect();
    let (done, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut during = thread::scope(|scope| {
        let classify = || {
            let mut times = Vec::new();
            while !done.load(Ordering::Relaxed) {
                times.push(timed());
                count.fetch_add(1, Ordering::Relaxed);
            }
            times
        };
        let thread = scope.spawn(classify);
        for part in &parts {
            let seen = count.load(Ordering::Relaxed);
            runtime.grow(part).unwrap();
            while count.load(Ordering::Relaxed) < seen + 3 {
                thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
        thread.join().unwrap()
    });
    for (when, times) in [("before", &mut before), ("while it grows", &mut during)] {
        times.sort_by(f64::total_cmp);
        let [median, longest] = [times[times.len() / 2], times[times.len() - 1]];
        println!("{when}: median {median:.2} ms, longest {longest:.2} ms of {} answers", times.len());
    }
}
