//! Texts of errors, names of statuses, and the version.

use crate::fault::{caught, last};
use crate::memory::write_text;
use crate::status::{NAMES, nestling_status};
use std::ffi::{CStr, c_char, c_int};

/// Writes the text of this thread's last failure: the fault, its place and the remedy. As `nestling_get_adapter` writes
/// a text, but no failure of this function replaces it. Successful calls keep it too.
///
/// # Safety
/// As of `nestling_get_adapter`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_last_error(
    buffer: *mut c_char,
    capacity: usize,
    length: *mut usize,
) -> nestling_status {
    // A text of C ends at its first zero.
    let text = || last().replace('\0', " ");
    // SAFETY: the caller keeps the promise above.
    match caught(|| unsafe { write_text(&text(), buffer, capacity, length) }) {
        Ok(()) => nestling_status::NESTLING_OK,
        Err(fault) => fault.status,
    }
}

/// The stable name of a status, in snake case: that of an SDK error is its code. "unknown" for any other number. Never
/// null; not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn nestling_status_name(status: c_int) -> *const c_char {
    let known = NAMES.iter().find(|(one, _)| *one as c_int == status);
    known.map_or(c"unknown", |(_, name)| name).as_ptr()
}

const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(version) => version,
    Err(_) => c"unknown",
};

/// The version of the library, such as "0.1.0"; that of the header is `NESTLING_VERSION_MAJOR` and so on. Never null;
/// not to be freed.
#[unsafe(no_mangle)]
pub extern "C" fn nestling_version() -> *const c_char {
    VERSION.as_ptr()
}
