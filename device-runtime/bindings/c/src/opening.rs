//! Opening and freeing a runtime.

use crate::fault::{Fault, call};
use crate::memory::{array, read, text, write};
use crate::registry;
use crate::session::Session;
use crate::status::nestling_status;
use crate::types::{nestling_options, nestling_runtime};
use nestling::{Arithmetic, Bundle, ContextOptions, Runtime, RuntimeOptions, WeightStorage};
use std::ffi::c_char;
use std::path::PathBuf;
use std::ptr;
use std::time::Duration;

/// Opens a bundle, a GPU and a runtime on it: verifies the bundle, uploads its weights once and makes every child ready.
/// The file is not needed afterwards. Takes up to a second, so call it outside of the main thread.
///
/// `path` is UTF-8; elsewhere than on Windows it may be any bytes. `options` may be null. `*runtime` is the handle to
/// free with `nestling_free`, or null after a failure.
///
/// # Safety
/// `path` and the texts of `options` end with a zero; `options` and `runtime` point to what their types say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_open(
    path: *const c_char,
    options: *const nestling_options,
    runtime: *mut *mut nestling_runtime,
) -> nestling_status {
    // SAFETY: the caller keeps the promises above.
    call(|| unsafe {
        write(runtime, "runtime", ptr::null_mut())?;
        let Some(path) = path_of(path, "path")? else { return Err(null("path")) };
        let options = read_options(options)?;
        let bundle = Bundle::open(path).map_err(nestling::Error::from)?;
        write(runtime, "runtime", registry::add(Session::new(Runtime::open(&bundle, &options)?)))
    })
}

/// As `nestling_open`, from the bytes of a bundle, as an Android asset or a network gives them. They are not needed
/// afterwards.
///
/// # Safety
/// As of `nestling_open`, and `bytes` points to `length` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nestling_open_bytes(
    bytes: *const u8,
    length: usize,
    options: *const nestling_options,
    runtime: *mut *mut nestling_runtime,
) -> nestling_status {
    // SAFETY: the caller keeps the promises above.
    call(|| unsafe {
        write(runtime, "runtime", ptr::null_mut())?;
        let options = read_options(options)?;
        let bundle = Bundle::from_bytes(array(bytes, length, "bytes")?).map_err(nestling::Error::from)?;
        write(runtime, "runtime", registry::add(Session::new(Runtime::open(&bundle, &options)?)))
    })
}

/// Frees a runtime. Calls of other threads that have begun end as usual, and the last of them frees the memory. Null is
/// allowed. A handle that was freed before gives `NESTLING_BAD_HANDLE`. Free every runtime before the process ends.
#[unsafe(no_mangle)]
pub extern "C" fn nestling_free(runtime: *mut nestling_runtime) -> nestling_status {
    call(|| {
        if !runtime.is_null() {
            drop(registry::remove(runtime)?);
        }
        Ok(())
    })
}

fn null(name: &str) -> Fault {
    Fault::new(nestling_status::NESTLING_NULL_POINTER, format!("`{name}` is null"))
}

/// # Safety
/// As of [`text`].
pub unsafe fn path_of(path: *const c_char, name: &str) -> Result<Option<PathBuf>, Fault> {
    #[cfg(unix)]
    {
        use std::ffi::{CStr, OsStr};
        use std::os::unix::ffi::OsStrExt;
        let _ = name;
        // SAFETY: the same promise.
        Ok((!path.is_null()).then(|| OsStr::from_bytes(unsafe { CStr::from_ptr(path) }.to_bytes()).into()))
    }
    #[cfg(not(unix))]
    // SAFETY: the same promise.
    Ok(unsafe { text(path, name) }?.map(PathBuf::from))
}

/// # Safety
/// `given` is null or points to options whose texts are null or end with a zero.
unsafe fn read_options(given: *const nestling_options) -> Result<RuntimeOptions, Fault> {
    let mut options = RuntimeOptions::default();
    if given.is_null() {
        return Ok(options);
    }
    // SAFETY: the same promise.
    let (given, adapter, cache) = unsafe {
        let given = read(given, "options")?;
        (given, text(given.adapter, "options.adapter")?, path_of(given.pipeline_cache, "options.pipeline_cache")?)
    };
    options.context = ContextOptions::default()
        .adapter_name(adapter.map(str::to_owned))
        .pipeline_cache(cache)
        .force_software(given.force_software != 0);
    if given.timeout_ms != 0 {
        options.context.timeout = Duration::from_millis(given.timeout_ms.into());
    }
    if given.max_image_side != 0 {
        options.max_image_side = given.max_image_side;
    }
    if given.answers_in_flight != 0 {
        options.answers_in_flight = given.answers_in_flight as usize;
    }
    options.image_side = (given.image_side != 0).then_some(given.image_side);
    options.untrained = given.untrained != 0;
    options.weight_storage = match given.weight_storage {
        0 => None,
        1 => Some(WeightStorage::F32),
        2 => Some(WeightStorage::F16),
        3 => Some(WeightStorage::Int8),
        other => return Err(Fault::argument(format!("{other} is no `nestling_weight_storage`"))),
    };
    options.arithmetic = match given.arithmetic {
        0 => Arithmetic::F32,
        1 => Arithmetic::F16,
        other => return Err(Fault::argument(format!("{other} is no `nestling_arithmetic`"))),
    };
    Ok(options)
}
