//! Facts of a runtime, its adapter, its children and its classes.

use crate::fault::{Fault, call};
use crate::memory::{write, write_text};
use crate::registry::find;
use crate::status::nestling_status;
use crate::types::{NESTLING_NAME_BYTES, nestling_child, nestling_facts, nestling_runtime};
use nestling::{ChildEntry, Runtime};
use std::ffi::c_char;

/// Writes how many classes and children there are, and where they run.
///
/// # Safety
/// `facts` points to memory for its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_get_facts(
    runtime: *const nestling_runtime,
    facts: *mut nestling_facts,
) -> nestling_status {
    call(|| {
        let session = find(runtime)?;
        let runtime = session.runtime();
        let value = nestling_facts {
            classes: count(runtime.labels().len()),
            children: count(runtime.children().len()),
            is_software: runtime.adapter().is_software(),
            has_profile: runtime.current_profile().is_some(),
        };
        // SAFETY: the caller keeps the promise above.
        unsafe { write(facts, "facts", value) }
    })
}

/// Writes the adapter in words: its name, kind, backend, driver and the features that are used.
///
/// Like all texts it ends with a zero; `*length` is its length without that, and may be null. If the buffer is too
/// short it gets the beginning, and the status is `NESTLING_BUFFER_TOO_SHORT`. A null buffer of capacity 0 only asks
/// for the length.
///
/// # Safety
/// `buffer` points to `capacity` bytes, or is null; `length` points to a number, or is null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_get_adapter(
    runtime: *const nestling_runtime,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> nestling_status {
    // SAFETY: the caller keeps the promise above.
    call(|| unsafe { write_text(&find(runtime)?.runtime().adapter().to_string(), buffer, capacity, length) })
}

/// Writes a line for each kernel that this device gets wrong, with the one that runs in its place, as
/// `nestling_get_adapter` writes a text. The text is empty on most devices. Answers are right either way.
///
/// # Safety
/// As of `nestling_get_adapter`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_get_replaced(
    runtime: *const nestling_runtime,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> nestling_status {
    call(|| {
        let lines: Vec<String> = find(runtime)?.runtime().replaced().iter().map(ToString::to_string).collect();
        // SAFETY: the caller keeps the promise above.
        unsafe { write_text(&lines.join("\n"), buffer, capacity, length) }
    })
}

/// Writes the name of a class, as `nestling_get_adapter` writes a text.
///
/// # Safety
/// As of `nestling_get_adapter`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_get_label(
    runtime: *const nestling_runtime,
    class_index: u32,
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> nestling_status {
    call(|| {
        let session = find(runtime)?;
        let labels = session.runtime().labels();
        let label = labels.get(class_index as usize).ok_or_else(|| beyond("class", class_index, labels.len()))?;
        // SAFETY: the caller keeps the promise above.
        unsafe { write_text(label, buffer, capacity, length) }
    })
}

/// Writes what is known of a child.
///
/// # Safety
/// `child` points to memory for its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_get_child(
    runtime: *const nestling_runtime,
    index: u32,
    child: *mut nestling_child,
) -> nestling_status {
    call(|| {
        let session = find(runtime)?;
        let value = describe(session.runtime(), entry(session.runtime(), index)?);
        // SAFETY: the caller keeps the promise above.
        unsafe { write(child, "child", value) }
    })
}

/// The shipped child of an index.
pub fn entry(runtime: &Runtime, index: u32) -> Result<&ChildEntry, Fault> {
    let count = runtime.children().len();
    runtime.children().nth(index as usize).ok_or_else(|| beyond("child", index, count))
}

fn describe(runtime: &Runtime, entry: &ChildEntry) -> nestling_child {
    let mut name = [0; NESTLING_NAME_BYTES];
    // A name has at most 200 bytes; the last of these stays zero.
    for (to, &from) in name[..NESTLING_NAME_BYTES - 1].iter_mut().zip(entry.name.as_bytes()) {
        *to = from as c_char;
    }
    let profile = runtime.current_profile();
    let times = profile.as_ref().and_then(|profile| profile.child(&entry.name));
    let latency = times.map(|times| times.latency());
    nestling_child {
        name,
        madds: entry.cost.madds.0,
        parameters: entry.cost.params,
        resolution: entry.child.resolution,
        may_answer: runtime.may_answer(&entry.child),
        accuracy_percent: entry.held_out.known_percent().unwrap_or(f64::NAN),
        p50_ms: latency.map_or(f64::NAN, |latency| latency.p50.0),
        p90_ms: latency.map_or(f64::NAN, |latency| latency.p90.0),
        p95_ms: latency.map_or(f64::NAN, |latency| latency.p95.0),
    }
}

fn beyond(kind: &str, index: u32, count: usize) -> Fault {
    Fault::argument(format!("there is no {kind} {index}: there are {count}, counted from 0"))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
