//! A bound on the memory in which pictures are decoded, over all threads of the process.

use super::MAX_BYTES;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Bytes of all pictures that are decoded at the same time: of two of the largest, or of a dozen photographs.
const TOTAL: u64 = 2 * MAX_BYTES;

static MEMORY: Memory = Memory::new(TOTAL);

/// Waits until there is room for a picture of so many bytes.
pub(super) fn room_for(bytes: u64) -> Room<'static> {
    MEMORY.room_for(bytes)
}

/// Memory that threads share.
#[derive(Debug)]
struct Memory {
    total: u64,
    left: Mutex<u64>,
    given_back: Condvar,
}

impl Memory {
    const fn new(total: u64) -> Self {
        Self { total, left: Mutex::new(total), given_back: Condvar::new() }
    }

    fn left(&self) -> MutexGuard<'_, u64> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A large picture may have to wait for smaller ones that come later. Those end, because a loader makes few batches
    /// ahead of the one that waits.
    fn room_for(&self, bytes: u64) -> Room<'_> {
        let bytes = bytes.min(self.total);
        let mut left = self.left();
        while *left < bytes {
            left = self.given_back.wait(left).unwrap_or_else(PoisonError::into_inner);
        }
        *left -= bytes;
        Room { memory: self, bytes }
    }
}

/// Memory of a picture, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Room<'a> {
    memory: &'a Memory,
    bytes: u64,
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        *self.memory.left() += self.bytes;
        self.memory.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    #[test]
    fn all_threads_together_stay_within_the_total_and_a_larger_picture_comes_alone() {
        let (memory, used, most) = (Memory::new(100), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8u64 {
                let (memory, used, most) = (&memory, &used, &most);
                scope.spawn(move || {
                    for round in 0..20 {
                        let bytes = if (thread, round % 7) == (3, 0) { 1_000 } else { 10 + 7 * thread };
                        let room = memory.room_for(bytes);
                        most.fetch_max(used.fetch_add(room.bytes, Ordering::SeqCst) + room.bytes, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_micros(200));
                        used.fetch_sub(room.bytes, Ordering::SeqCst);
                    }
                });
            }
        });
        let most = most.into_inner();
        assert!(most > 60 && most <= 100, "{most}");
        assert_eq!(*memory.left(), 100, "all is given back");
    }
}
