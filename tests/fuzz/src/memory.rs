//! An allocator that counts. A program that wants to know sets it as its own.

#![allow(
    unsafe_code,
    reason = "an allocator is unsafe by its trait; it only counts, and passes all on to the system's"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// Bytes that this thread has now, and the most so far.
    static NOW: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, and a count for each thread.
#[derive(Debug)]
pub struct Counting;

fn count(bytes: isize) {
    // A thread that ends has no count any more.
    let _ = NOW.try_with(|now| {
        let (before, most) = now.get();
        let after = before + bytes;
        now.set((after, most.max(after)));
    });
}

// SAFETY: every call is passed on as it is; counting touches no memory that is handed out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new may be there at once.
        count(size as isize);
        // SAFETY: the caller's promise.
        let new = unsafe { System.realloc(pointer, layout, size) };
        count(-(layout.size() as isize));
        new
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The most bytes that this thread had at once while `action` ran, beyond those that it had before; 0 if the program has
/// another allocator.
pub fn peak<T>(action: impl FnOnce() -> T) -> (usize, T) {
    let before = NOW.with(|now| {
        let (before, _) = now.get();
        now.set((before, before));
        before
    });
    let result = action();
    let most = NOW.with(|now| now.get().1);
    ((most - before).max(0) as usize, result)
}
