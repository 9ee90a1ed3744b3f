//! Profiles, choices, switches and the governor through the interface.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too
#![allow(unsafe_code)] // calls the interface as a C app does

mod common;
#[path = "common/handle.rs"]
mod handle;

use handle::{Handle, grey, image, last_error};
use nestling_c::nestling_status::{self, *};
use nestling_c::*;
use std::ffi::c_void;
use std::ptr;
use std::thread::ThreadId;

/// A budget that holds on the slowest machine, in ms: no test depends on a time.
const ANY_BUDGET: f64 = 1e6;

#[test]
fn a_profile_is_measured_once_stored_and_taken_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("profile.json");
    let (old, path) = (folder.path().join("profile.json.old"), path.as_path());
    let first = Handle::open();
    assert_eq!(first.ensure_profile(Some(path), None, ptr::null_mut()), Ok(true));
    let stored = std::fs::read(path).unwrap();
    assert!(!old.exists(), "nothing was replaced");
    // It is in use: only stored again, with what a choice has learned.
    assert_eq!(first.choose(ANY_BUDGET).0, NESTLING_OK);
    assert_eq!(first.ensure_profile(Some(path), None, ptr::null_mut()), Ok(false));
    assert_ne!(std::fs::read(path).unwrap(), stored);

    let second = Handle::open();
    assert_eq!(second.ensure_profile(Some(path), None, ptr::null_mut()), Ok(false));
    let mut facts = nestling_facts { classes: 0, children: 0, is_software: false, has_profile: false };
    // SAFETY: the facts are memory for some.
    assert_eq!(unsafe { nestling_get_facts(second.0, &mut facts) }, NESTLING_OK);
    assert!(facts.has_profile && facts.classes == 10 && facts.children > 5);

    // A damaged file is replaced and kept.
    std::fs::write(path, &stored[..stored.len() / 2]).unwrap();
    let third = Handle::open();
    assert_eq!(third.ensure_profile(Some(path), None, ptr::null_mut()), Ok(true));
    assert_eq!(std::fs::read(&old).unwrap(), stored[..stored.len() / 2]);
    assert!(std::fs::read(path).unwrap().len() > stored.len() / 2);

    // A file of another kind stays, and so does everything else.
    let foreign = folder.path().join("notes.txt");
    std::fs::write(&foreign, "my notes").unwrap();
    let fourth = Handle::open();
    let refused = fourth.ensure_profile(Some(&foreign), None, ptr::null_mut());
    assert_eq!(refused, Err(NESTLING_PROFILE_NOT_A_PROFILE), "{}", last_error());
    assert_eq!(std::fs::read(&foreign).unwrap(), b"my notes");
    // A place that cannot be written: the profile is in use all the same.
    let nowhere = folder.path().join("no/such/folder/profile.json");
    assert_eq!(fourth.ensure_profile(Some(&nowhere), None, ptr::null_mut()), Err(NESTLING_PROFILE_WRITE));
    assert_eq!(fourth.ensure_profile(None, None, ptr::null_mut()), Ok(false));
}

/// Everything that a callback saw.
struct Seen {
    handle: *const Handle,
    threads: Vec<ThreadId>,
    fractions: Vec<f64>,
    statuses: Vec<nestling_status>,
}

unsafe extern "C" fn misbehave(fraction: f64, user: *mut c_void) {
    // SAFETY: the test passes its own `Seen`, which nobody else uses during the call.
    let (seen, handle) = unsafe {
        let seen = &mut *user.cast::<Seen>();
        (&mut *ptr::from_mut(seen), &*seen.handle)
    };
    seen.threads.push(std::thread::current().id());
    seen.fractions.push(fraction);
    if seen.statuses.is_empty() {
        let pixels = grey();
        seen.statuses = vec![
            handle.choose(ANY_BUDGET).0,
            handle.ensure_profile(None, None, ptr::null_mut()).err().unwrap_or(NESTLING_OK),
            nestling_govern(handle.0, ANY_BUDGET),
            handle.classify(&image(0, &[(&pixels, 0)])).err().unwrap_or(NESTLING_OK),
            handle.switch_to(1),
            // The measurement ends as usual.
            nestling_free(handle.0),
            nestling_free(handle.0),
            handle.switch_to(0),
        ];
    }
}

#[test]
fn a_callback_runs_on_the_callers_thread_and_may_not_measure() {
    let handle = Handle::open();
    let mut seen = Seen { handle: &handle, threads: Vec::new(), fractions: Vec::new(), statuses: Vec::new() };
    let outcome = handle.ensure_profile(None, Some(misbehave), ptr::from_mut(&mut seen).cast());
    assert_eq!(outcome, Ok(true));
    assert!(seen.threads.len() > 3 && seen.threads.iter().all(|thread| *thread == std::thread::current().id()));
    assert!(seen.fractions.iter().all(|fraction| (0.0..=1.0).contains(fraction)), "{:?}", seen.fractions);
    let expected = [
        NESTLING_BUSY,
        NESTLING_BUSY,
        NESTLING_BUSY,
        NESTLING_OK,
        NESTLING_OK,
        NESTLING_OK,
        NESTLING_BAD_HANDLE,
        NESTLING_BAD_HANDLE,
    ];
    assert_eq!(seen.statuses, expected);
    assert_eq!(handle.choose(ANY_BUDGET).0, NESTLING_BAD_HANDLE);
}

#[test]
fn a_choice_is_active_and_one_that_cannot_be_names_the_fastest() {
    let handle = Handle::open();
    let (status, choice) = handle.choose(ANY_BUDGET);
    assert_eq!(status, NESTLING_OK, "{}", last_error());
    assert_eq!(choice.child, handle.active());
    assert!(choice.p50_ms > 0.0 && choice.p50_ms <= choice.p90_ms && choice.p90_ms <= choice.p95_ms);
    assert!(choice.predicted_ms > 0.0 && choice.switch_us > 0.0);
    assert_eq!(choice.next_better, NESTLING_NONE, "every child keeps this budget");
    assert_eq!(handle.switch_to(choice.next_faster), NESTLING_OK);
    assert_eq!(handle.active(), choice.next_faster);

    let (status, fastest) = handle.choose(1e-6);
    assert_eq!(status, NESTLING_BELOW_FASTEST);
    assert!(last_error().contains("no shipped child keeps within"), "{}", last_error());
    assert!(fastest.p90_ms > 0.0 && fastest.predicted_ms.is_nan() && fastest.child != 77);
    assert_eq!(handle.active(), choice.next_faster, "the active child stays");
}

#[test]
fn the_governor_serves_until_the_app_switches() {
    let (handle, pixels) = (Handle::open(), grey());
    let picture = image(0, &[(&pixels, 0)]);
    assert!(handle.governor().is_none());
    // A hint may come before the governor.
    assert_eq!(nestling_set_thermal_hint(handle.0, 3), NESTLING_OK);
    assert_eq!(nestling_govern(handle.0, f64::NAN), NESTLING_INVALID_BUDGET, "{}", last_error());
    assert_eq!(nestling_govern(handle.0, ANY_BUDGET), NESTLING_OK, "{}", last_error());
    let first = handle.governor().unwrap();
    assert_eq!((first.limit_ms, first.is_too_slow, first.child), (ANY_BUDGET, false, handle.active()));
    let (_, answer) = handle.classify(&picture).unwrap();
    assert_eq!(answer.child, first.child);

    // Heat makes it take a smaller child with the next picture.
    assert_eq!(nestling_set_thermal_hint(handle.0, 4), NESTLING_OK);
    handle.classify(&picture).unwrap();
    let cooler = handle.governor().unwrap();
    assert_ne!(cooler.child, first.child);
    assert_eq!(handle.active(), cooler.child);

    assert_eq!(nestling_govern(handle.0, -1.0), NESTLING_GOVERNOR_NO_DURATION);
    assert_eq!(nestling_govern(handle.0, 2.0 * ANY_BUDGET), NESTLING_OK);
    assert_eq!(handle.governor().unwrap().limit_ms, 2.0 * ANY_BUDGET);

    assert_eq!(handle.switch_to(first.child), NESTLING_OK);
    assert!(handle.governor().is_none());
    assert_eq!(handle.classify(&picture).unwrap().1.child, first.child);
    // A choice ends its charge too.
    assert_eq!(nestling_govern(handle.0, ANY_BUDGET), NESTLING_OK);
    assert_eq!(handle.choose(ANY_BUDGET).0, NESTLING_OK);
    assert!(handle.governor().is_none());
}
