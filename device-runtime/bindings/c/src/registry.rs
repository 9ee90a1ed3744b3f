//! Live handles. A handle is a number in the form of a pointer; it is looked up here and never followed. So one that was
//! freed, made up or taken from elsewhere is found out, whatever the memory there holds.

use crate::fault::Fault;
use crate::session::Session;
use crate::status::nestling_status;
use crate::types::nestling_runtime;
use std::collections::BTreeMap;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

static LIVE: RwLock<BTreeMap<usize, Arc<Session>>> = RwLock::new(BTreeMap::new());
/// Odd, unlike the address of any struct or allocation; and never used again, unlike an address.
static NEXT: AtomicUsize = AtomicUsize::new(1);

/// Makes a handle for a session.
pub fn add(session: Session) -> *mut nestling_runtime {
    let handle = NEXT.fetch_add(2, Ordering::Relaxed);
    LIVE.write().unwrap_or_else(PoisonError::into_inner).insert(handle, Arc::new(session));
    ptr::without_provenance_mut(handle)
}

/// The session of a handle. It stays until the call is over, also if another thread frees the handle meanwhile.
pub fn find(handle: *const nestling_runtime) -> Result<Arc<Session>, Fault> {
    check(handle)?;
    LIVE.read().unwrap_or_else(PoisonError::into_inner).get(&handle.addr()).cloned().ok_or_else(|| bad(handle))
}

/// Ends a handle and returns its session.
pub fn remove(handle: *const nestling_runtime) -> Result<Arc<Session>, Fault> {
    check(handle)?;
    LIVE.write().unwrap_or_else(PoisonError::into_inner).remove(&handle.addr()).ok_or_else(|| bad(handle))
}

fn check(handle: *const nestling_runtime) -> Result<(), Fault> {
    match handle.is_null() {
        true => Err(Fault::new(nestling_status::NESTLING_NULL_POINTER, "`runtime` is null")),
        false => Ok(()),
    }
}

fn bad(handle: *const nestling_runtime) -> Fault {
    let text = format!("{handle:p} is no runtime: it was freed, or `nestling_open` never gave it");
    Fault::new(nestling_status::NESTLING_BAD_HANDLE, text)
}
