//! Measuring the device, and choosing a child for a budget.

use crate::fault::{Fault, call};
use crate::memory::{check_optional, check_result, write, write_optional};
use crate::opening::path_of;
use crate::registry::find;
use crate::session::Session;
use crate::status::nestling_status;
use crate::types::{NESTLING_NONE, nestling_choice, nestling_progress, nestling_runtime};
use nestling::{Budget, Candidate, Choice, Error, Latency, Millis, Progress, Quantile, Runtime};
use std::ffi::{c_char, c_void};
use std::path::Path;

/// Takes the device profile of a file, or measures this device for about two seconds and stores the profile there.
///
/// `path` may be null: nothing is read or stored. A file that is missing, damaged, stale or of another format is
/// replaced, and the old one is kept with `.old` behind its name; a file of another kind is refused
/// (`NESTLING_PROFILE_NOT_A_PROFILE`). Where a profile is in use already, it is only stored: choices refine it, so call
/// this once more when the app closes.
///
/// `progress` may be null; `user` is passed on to it. `*measured` says whether the device was measured, and may be null.
/// Other threads should not classify during a measurement.
///
/// # Safety
/// `path` ends with a zero, `measured` points to memory for a `bool`, and `progress` may be called with `user`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_ensure_profile(
    runtime: *const nestling_runtime,
    path: *const c_char,
    progress: nestling_progress,
    user: *mut c_void,
    measured: *mut bool,
) -> nestling_status {
    call(|| {
        let session = find(runtime)?;
        check_optional(measured, "measured")?;
        // SAFETY: the caller keeps the promise above.
        let path = unsafe { path_of(path, "path")? };
        let (was_measured, outcome) = ensure(session.runtime(), path.as_deref(), &Callback { progress, user });
        // SAFETY: the caller keeps the promise above.
        unsafe { write_optional(measured, "measured", was_measured)? };
        Ok(outcome?)
    })
}

/// The most accurate child that keeps within `limit_ms` milliseconds on this device; it becomes the active one, and a
/// governor's charge ends. `quantile` is a `nestling_quantile`.
///
/// Takes a profile of the device first if there is none (`nestling_ensure_profile`); then some tens of milliseconds.
/// After `NESTLING_BELOW_FASTEST`, `choice` holds the fastest child and its times, and the active child stays.
///
/// # Safety
/// `choice` points to memory for its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_choose(
    runtime: *const nestling_runtime,
    limit_ms: f64,
    quantile: u32,
    choice: *mut nestling_choice,
) -> nestling_status {
    call(|| {
        let session = find(runtime)?;
        check_result(choice, "choice")?;
        let quantile = match quantile {
            50 => Quantile::P50,
            90 => Quantile::P90,
            95 => Quantile::P95,
            other => return Err(Fault::argument(format!("{other} is no `nestling_quantile`: give 50, 90 or 95"))),
        };
        let outcome = session.runtime().choose(Budget { limit: Millis(limit_ms), quantile });
        let (value, fault) = match outcome {
            Ok(chosen) => (describe(&session, &chosen)?, None),
            Err(error) => match too_tight(&session, &error) {
                Some(fastest) => (fastest, Some(error.into())),
                None => return Err(error.into()),
            },
        };
        // SAFETY: the caller keeps the promise above.
        unsafe { write(choice, "choice", value)? };
        fault.map_or(Ok(()), Err)
    })
}

/// A callback of the caller with its own pointer.
struct Callback {
    progress: nestling_progress,
    user: *mut c_void,
}

// SAFETY: a measurement calls back on the thread that waits for it, which is the caller's.
unsafe impl Sync for Callback {}

impl Callback {
    fn report(&self, progress: Progress) {
        if let Some(call) = self.progress {
            // SAFETY: the caller promised that it may be called with this pointer.
            unsafe { call(progress.fraction, self.user) };
        }
    }
}

/// Returns whether the device was measured, also beside a fault.
fn ensure(runtime: &Runtime, path: Option<&Path>, callback: &Callback) -> (bool, Result<(), Error>) {
    let had_profile = runtime.current_profile().is_some();
    let progress = |progress| callback.report(progress);
    let outcome = match path {
        Some(path) => runtime.ensure_profile_in(path, Some(&progress)),
        None => runtime.ensure_profile_with(&progress).map(|_| !had_profile),
    };
    match outcome {
        Ok(was_measured) => (was_measured, Ok(())),
        // It is in use, and could not be stored.
        Err(error) => (!had_profile && runtime.current_profile().is_some(), Err(error)),
    }
}

fn describe(session: &Session, choice: &Choice) -> Result<nestling_choice, Fault> {
    let place = |candidate: Option<&Candidate>| {
        candidate.and_then(|candidate| session.index_of(&candidate.entry.name)).unwrap_or(NESTLING_NONE)
    };
    // A governor that is in charge may have switched meanwhile; its charge ends.
    session.switch_to(choice)?;
    let Latency { p50, p90, p95 } = choice.measured();
    Ok(nestling_choice {
        child: session.index_of(&choice.entry().name).unwrap_or(NESTLING_NONE),
        next_faster: place(choice.next_faster()),
        next_better: place(choice.next_better()),
        predicted_ms: choice.predicted().0,
        p50_ms: p50.0,
        p90_ms: p90.0,
        p95_ms: p95.0,
        switch_us: choice.switched_in().as_secs_f64() * 1e6,
    })
}

/// The fastest child, where the budget does not even fit that.
fn too_tight(session: &Session, error: &Error) -> Option<nestling_choice> {
    let Error::BelowFastest { fastest, measured, .. } = error else { return None };
    Some(nestling_choice {
        child: session.index_of(fastest).unwrap_or(NESTLING_NONE),
        next_faster: NESTLING_NONE,
        next_better: NESTLING_NONE,
        predicted_ms: f64::NAN,
        p50_ms: measured.p50.0,
        p90_ms: measured.p90.0,
        p95_ms: measured.p95.0,
        switch_us: 0.0,
    })
}
