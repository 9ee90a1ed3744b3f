//! c10d's store and Gloo group (`group.cpp`) as Rust values.

#![allow(unsafe_code)] // calls group.cpp; reasons at each

use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::NonNull;
use std::time::Duration;
use tch::Tensor;

unsafe extern "C" {
    fn nestling_store_open(
        host: *const c_char,
        port: u16,
        serves: bool,
        timeout_ms: i64,
        message: *mut c_char,
        length: usize,
    ) -> *mut c_void;
    fn nestling_store_port(store: *const c_void) -> u16;
    fn nestling_store_set(
        store: *const c_void,
        key: *const c_char,
        value: *const u8,
        bytes: usize,
        message: *mut c_char,
        length: usize,
    ) -> bool;
    fn nestling_store_has(store: *const c_void, key: *const c_char, message: *mut c_char, length: usize) -> i32;
    fn nestling_store_get(
        store: *const c_void,
        key: *const c_char,
        value: *mut u8,
        room: usize,
        message: *mut c_char,
        length: usize,
    ) -> i64;
    fn nestling_store_close(store: *mut c_void);
    fn nestling_group_join(
        store: *const c_void,
        host: *const c_char,
        rank: i32,
        ranks: i32,
        timeout_ms: i64,
        message: *mut c_char,
        length: usize,
    ) -> *mut c_void;
    fn nestling_group_sum(group: *const c_void, tensor: *const c_void, message: *mut c_char, length: usize) -> bool;
    fn nestling_group_copy(
        group: *const c_void,
        tensor: *const c_void,
        from: i32,
        message: *mut c_char,
        length: usize,
    ) -> bool;
    fn nestling_group_leave(group: *mut c_void);
}

/// Most bytes of a value that [`Store::get`] returns; the rest is cut off.
const MAX_VALUE: usize = 64 << 10;

/// Calls a function of `group.cpp` with a buffer for its message; a value that `is_fault` becomes that message.
fn checked<T: Copy>(call: impl FnOnce(*mut c_char, usize) -> T, is_fault: impl Fn(T) -> bool) -> Result<T, String> {
    let mut message = [0u8; 1024];
    let value = call(message.as_mut_ptr().cast(), message.len());
    if !is_fault(value) {
        return Ok(value);
    }
    let text = CStr::from_bytes_until_nul(&message).map(CStr::to_string_lossy).unwrap_or_default();
    // c10d appends its own stack.
    Err(text.lines().next().unwrap_or_default().to_owned())
}

fn c_text(text: &str) -> Result<CString, String> {
    CString::new(text).map_err(|_| format!("{text:?} holds a zero byte"))
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// The key-value store that all ranks share, over TCP.
#[derive(Debug)]
pub(super) struct Store(NonNull<c_void>);

// SAFETY: a TCPStore guards its connection by a lock of its own.
unsafe impl Send for Store {}
// SAFETY: as above.
unsafe impl Sync for Store {}

impl Store {
    /// Joins the store at `host` and `port`, and serves it if `serves`; a served port of 0 becomes a free one.
    pub fn open(host: &str, port: u16, serves: bool, timeout: Duration) -> Result<Self, String> {
        let host = c_text(host)?;
        let open = |message: *mut c_char, length| {
            // SAFETY: `host` is live and ends with a zero; `message` has `length` bytes.
            unsafe { nestling_store_open(host.as_ptr(), port, serves, milliseconds(timeout), message, length) }
        };
        let store = checked(open, |store: *mut c_void| store.is_null())?;
        NonNull::new(store).map(Self).ok_or_else(String::new)
    }

    pub fn port(&self) -> u16 {
        // SAFETY: the store lives as long as `self`.
        unsafe { nestling_store_port(self.0.as_ptr()) }
    }

    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        let (key, store) = (c_text(key)?, self.0.as_ptr());
        let set = |message: *mut c_char, length| {
            // SAFETY: the store lives; key and value are live, and `value` has the length given.
            unsafe { nestling_store_set(store, key.as_ptr(), value.as_ptr(), value.len(), message, length) }
        };
        checked(set, |is_set| !is_set).map(drop)
    }

    pub fn has(&self, key: &str) -> Result<bool, String> {
        let (key, store) = (c_text(key)?, self.0.as_ptr());
        // SAFETY: the store lives; `key` ends with a zero.
        let has = |message: *mut c_char, length| unsafe { nestling_store_has(store, key.as_ptr(), message, length) };
        Ok(checked(has, |found| found < 0)? == 1)
    }

    /// The value of a key that is there: a missing one is waited for.
    pub fn get(&self, key: &str) -> Result<Vec<u8>, String> {
        let (key, store) = (c_text(key)?, self.0.as_ptr());
        let mut value = vec![0u8; MAX_VALUE];
        let get = |message: *mut c_char, length| {
            // SAFETY: the store lives; `value` has the room given.
            unsafe { nestling_store_get(store, key.as_ptr(), value.as_mut_ptr(), MAX_VALUE, message, length) }
        };
        let bytes = checked(get, |bytes| bytes < 0)?;
        value.truncate(usize::try_from(bytes).unwrap_or(0));
        Ok(value)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: made by `nestling_store_open`, and dropped once.
        unsafe { nestling_store_close(self.0.as_ptr()) }
    }
}

/// The Gloo group of all ranks.
#[derive(Debug)]
pub(super) struct Group(NonNull<c_void>);

// SAFETY: collective calls come from one thread at a time: `Ranks` holds the group behind a lock.
unsafe impl Send for Group {}

impl Group {
    pub fn join(store: &Store, host: &str, rank: u32, ranks: u32, timeout: Duration) -> Result<Self, String> {
        let host = c_text(host)?;
        let (rank, ranks, store) = (rank as i32, ranks as i32, store.0.as_ptr());
        let join = |message: *mut c_char, length| {
            // SAFETY: the store lives, and the group keeps a reference of its own to it.
            unsafe { nestling_group_join(store, host.as_ptr(), rank, ranks, milliseconds(timeout), message, length) }
        };
        let group = checked(join, |group: *mut c_void| group.is_null())?;
        NonNull::new(group).map(Self).ok_or_else(String::new)
    }

    /// Adds the tensors of all ranks, in place; on the processor and contiguous.
    pub fn sum(&self, tensor: &mut Tensor) -> Result<(), String> {
        let (group, tensor) = (self.0.as_ptr(), tensor.as_ptr().cast());
        // SAFETY: group and tensor live; nobody else reads the tensor during the call.
        let sum = |message: *mut c_char, length| unsafe { nestling_group_sum(group, tensor, message, length) };
        checked(sum, |is_done| !is_done).map(drop)
    }

    /// Copies the tensor of the rank `from` into those of all ranks; on the processor and contiguous.
    pub fn copy(&self, tensor: &mut Tensor, from: u32) -> Result<(), String> {
        let (group, tensor) = (self.0.as_ptr(), tensor.as_ptr().cast());
        let copy = |message: *mut c_char, length| {
            // SAFETY: as in `sum`.
            unsafe { nestling_group_copy(group, tensor, from as i32, message, length) }
        };
        checked(copy, |is_done| !is_done).map(drop)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // SAFETY: made by `nestling_group_join`, and dropped once.
        unsafe { nestling_group_leave(self.0.as_ptr()) }
    }
}
