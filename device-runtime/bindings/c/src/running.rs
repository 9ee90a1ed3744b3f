//! Classifying and switching.

use crate::facts::entry;
use crate::fault::{Fault, call};
use crate::image;
use crate::memory::{check_count, check_optional, check_result, write, write_optional};
use crate::registry::find;
use crate::status::nestling_status;
use crate::types::{NESTLING_NONE, nestling_answer, nestling_guess, nestling_image, nestling_runtime};
use std::time::Instant;

/// Classifies an image and writes the most probable classes, at most `capacity` (1 or more) and no more than there are,
/// the most probable one first. Without a governor the active child answers, with one that of the governor, which takes
/// the time into account.
///
/// `answer` may be null. Blocks until the GPU has answered; any number of threads may classify at once.
///
/// # Safety
/// `image` points to an image whose planes have the lengths that it says, `guesses` to memory for `capacity` guesses,
/// and `answer` to memory for its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_classify(
    runtime: *const nestling_runtime,
    image: *const nestling_image,
    guesses: *mut nestling_guess,
    capacity: usize,
    answer: *mut nestling_answer,
) -> nestling_status {
    call(|| {
        let started = Instant::now();
        let session = find(runtime)?;
        check_result(guesses, "guesses")?;
        check_optional(answer, "answer")?;
        check_count::<nestling_guess>(capacity, "guesses")?;
        if capacity == 0 {
            return Err(Fault::argument("`guesses` has room for none: give a capacity of 1 or more"));
        }
        // SAFETY: the caller keeps the promise above.
        let given = session.classify(unsafe { image::borrow(image)? })?;
        let mut count = 0;
        for guess in given.top_k(capacity) {
            let value = nestling_guess { class_index: guess.class as u32, score: guess.probability };
            // SAFETY: `top_k` gives at most `capacity` guesses, and the caller keeps the promise above.
            unsafe { guesses.add(count).write(value) };
            count += 1;
        }
        let child = session.runtime().children().position(|entry| entry.child == *given.child());
        let value = nestling_answer {
            count,
            child: child.map_or(NESTLING_NONE, |place| place as u32),
            milliseconds: started.elapsed().as_secs_f64() * 1e3,
        };
        // SAFETY: the caller keeps the promise above.
        unsafe { write_optional(answer, "answer", value) }
    })
}

/// Makes another child the active one, in microseconds: nothing is copied or compiled. A governor's charge ends.
///
/// `microseconds` may be null. Classifications that have begun end with the old child.
///
/// # Safety
/// `microseconds` points to memory for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_switch_to(
    runtime: *const nestling_runtime,
    index: u32,
    microseconds: *mut f64,
) -> nestling_status {
    call(|| {
        let session = find(runtime)?;
        check_optional(microseconds, "microseconds")?;
        let took = session.switch_to(&entry(session.runtime(), index)?.name)?;
        // SAFETY: the caller keeps the promise above.
        unsafe { write_optional(microseconds, "microseconds", took.as_secs_f64() * 1e6) }
    })
}

/// Writes the index of the child that answers now.
///
/// # Safety
/// `index` points to memory for a number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_get_active_child(
    runtime: *const nestling_runtime,
    index: *mut u32,
) -> nestling_status {
    call(|| {
        let session = find(runtime)?;
        let active = session.runtime().active();
        let place = active.name().and_then(|name| session.index_of(name));
        // SAFETY: the caller keeps the promise above.
        unsafe { write(index, "index", place.unwrap_or(NESTLING_NONE)) }
    })
}
