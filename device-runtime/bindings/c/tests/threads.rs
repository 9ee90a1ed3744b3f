//! Any thread may call any function at any time.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too
#![allow(unsafe_code)] // calls the interface as a C app does

mod common;
#[path = "common/handle.rs"]
mod handle;

use handle::{Handle, grey, image, last_error};
use nestling_c::nestling_free;
use nestling_c::nestling_status::*;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const THREADS: usize = 8;
const TURNS: usize = 25;

#[test]
fn eight_threads_classify_and_switch_as_one_would() {
    let (handle, pixels) = (Handle::open(), grey());
    let children = [0, 1, 2];
    let expected = children.map(|child| {
        assert_eq!(handle.switch_to(child), NESTLING_OK, "{}", last_error());
        handle.best(&image(0, &[(&pixels, 0)]))
    });
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (handle, pixels, expected) = (&handle, &pixels, &expected);
            scope.spawn(move || {
                for turn in 0..TURNS {
                    assert_eq!(handle.switch_to(children[(thread + turn) % 3]), NESTLING_OK);
                    let (guesses, answer) = handle.classify(&image(0, &[(pixels, 0)])).unwrap();
                    let (class, score) = expected[answer.child as usize];
                    let found = guesses.iter().find(|guess| guess.class_index == class).unwrap();
                    assert!((found.score - score).abs() < 1e-3, "{} {score}", found.score);
                }
            });
        }
    });
}

#[test]
fn freed_under_running_calls_it_ends_them_well_and_is_gone() {
    let (handle, pixels) = (Handle::open(), grey());
    let (barrier, freed, refused) = (Barrier::new(THREADS), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            let (handle, pixels, barrier, freed, refused) = (&handle, &pixels, &barrier, &freed, &refused);
            scope.spawn(move || {
                let picture = image(0, &[(pixels, 0)]);
                barrier.wait();
                handle.classify(&picture).map(drop).or_else(only_bad_handle).unwrap();
                match nestling_free(handle.0) {
                    NESTLING_OK => freed.fetch_add(1, Ordering::Relaxed),
                    NESTLING_BAD_HANDLE => refused.fetch_add(1, Ordering::Relaxed),
                    other => panic!("{other:?}"),
                };
                assert_eq!(handle.classify(&picture).map(drop), Err(NESTLING_BAD_HANDLE));
            });
        }
    });
    assert_eq!((freed.into_inner(), refused.into_inner()), (1, THREADS - 1));
}

fn only_bad_handle(status: nestling_c::nestling_status) -> Result<(), nestling_c::nestling_status> {
    if status == NESTLING_BAD_HANDLE { Ok(()) } else { Err(status) }
}

#[test]
fn two_that_choose_at_once_are_told_apart() {
    let handle = Handle::open();
    handle.ensure_profile(None, None, std::ptr::null_mut()).unwrap();
    let barrier = Barrier::new(2);
    let statuses = std::thread::scope(|scope| {
        let choose = || {
            barrier.wait();
            (0..20).map(|_| handle.choose(1e6).0).collect::<Vec<_>>()
        };
        let (one, other) = (scope.spawn(choose), scope.spawn(choose));
        [one.join().unwrap(), other.join().unwrap()].concat()
    });
    assert!(statuses.contains(&NESTLING_OK) && statuses.contains(&NESTLING_BUSY), "{statuses:?}");
    assert!(statuses.iter().all(|status| [NESTLING_OK, NESTLING_BUSY].contains(status)), "{statuses:?}");
}

#[test]
fn a_switch_ends_a_governors_charge_while_others_classify() {
    let (handle, pixels) = (Handle::open(), grey());
    handle.ensure_profile(None, None, std::ptr::null_mut()).unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let (handle, pixels, is_done) = (&handle, &pixels, &is_done);
            scope.spawn(move || {
                while !is_done.load(Ordering::Relaxed) {
                    handle.classify(&image(0, &[(pixels, 0)])).unwrap();
                }
            });
        }
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for turn in 0..10 {
                // No child keeps this budget: each observed classification is a reason to switch.
                assert_eq!(handle.govern(1e-6), NESTLING_OK, "{}", last_error());
                let child = 1 + turn % 2;
                assert_eq!(handle.switch_to(child), NESTLING_OK, "{}", last_error());
                for _ in 0..5 {
                    handle.classify(&image(0, &[(&pixels, 0)])).unwrap();
                    assert_eq!(handle.active(), child);
                }
            }
        }));
        is_done.store(true, Ordering::Relaxed);
        outcome.unwrap();
    });
}
