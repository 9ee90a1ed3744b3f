//! For tests: writing stops at a point, as in a process that is killed or a machine without power.
//!
//! From that point on every change of the disk fails, those that clean up too. A thread that has not called [`stop`]
//! notices nothing.

use std::cell::RefCell;
use std::fs::File;
use std::io;

/// The point at which writing stops.
#[derive(Clone, Copy, Debug)]
pub struct Stop {
    /// Changes of the disk that still happen.
    pub changes: u64,
    /// Bytes that are still written.
    pub bytes: u64,
    /// Percent of each file that reach the disk without being synced. 100 for a process that is killed, less for a
    /// machine that loses its power.
    pub kept_percent: u64,
}

impl Stop {
    /// A kill after a number of changes.
    pub fn after_changes(changes: u64) -> Self {
        Self { changes, bytes: u64::MAX, kept_percent: 100 }
    }

    /// A kill after a number of bytes.
    pub fn after_bytes(bytes: u64) -> Self {
        Self { changes: u64::MAX, bytes, kept_percent: 100 }
    }

    /// The same point, but the power fails.
    pub fn without_power(self, kept_percent: u64) -> Self {
        Self { kept_percent, ..self }
    }
}

#[derive(Debug)]
struct State {
    left: Stop,
    is_stopped: bool,
    /// Files that were opened and not synced since.
    unsynced: Vec<File>,
}

thread_local! {
    static STATE: RefCell<Option<State>> = const { RefCell::new(None) };
}

/// Does `work`, which is stopped there. Returns its result and whether that point was reached.
pub fn stop<T>(at: Stop, work: impl FnOnce() -> T) -> (T, bool) {
    STATE.with_borrow_mut(|state| *state = Some(State { left: at, is_stopped: false, unsynced: Vec::new() }));
    let result = work();
    let is_stopped = STATE.with_borrow_mut(Option::take).is_some_and(|state| state.is_stopped);
    (result, is_stopped)
}

fn error() -> io::Error {
    io::Error::other("a test stopped it here")
}

/// Ends all writing.
pub(super) fn end() -> io::Error {
    STATE.with_borrow_mut(|state| state.iter_mut().for_each(State::end));
    error()
}

pub(super) fn before_change() -> io::Result<()> {
    STATE.with_borrow_mut(|state| {
        let Some(state) = state else { return Ok(()) };
        match state.left.changes.checked_sub(1) {
            Some(left) if !state.is_stopped => state.left.changes = left,
            _ => {
                state.end();
                return Err(error());
            }
        }
        Ok(())
    })
}

/// The part of these bytes that is still written, if it is not all; [`end`] comes next.
pub(super) fn part(bytes: &[u8]) -> io::Result<Option<&[u8]>> {
    before_change()?;
    STATE.with_borrow_mut(|state| {
        let Some(state) = state else { return Ok(None) };
        match state.left.bytes.checked_sub(bytes.len() as u64) {
            Some(left) => {
                state.left.bytes = left;
                Ok(None)
            }
            None => {
                let part = &bytes[..state.left.bytes as usize];
                state.left.bytes = 0;
                Ok(Some(part))
            }
        }
    })
}

pub(super) fn opened(file: &File) {
    STATE.with_borrow_mut(|state| {
        if let (Some(state), Ok(file)) = (state, file.try_clone()) {
            state.unsynced.push(file);
        }
    });
}

pub(super) fn synced(file: &File) {
    STATE.with_borrow_mut(|state| {
        if let Some(state) = state {
            state.unsynced.retain(|other| !is_same(file, other));
        }
    });
}

impl State {
    fn end(&mut self) {
        self.is_stopped = true;
        let percent = self.left.kept_percent;
        for file in self.unsynced.drain(..).filter(|_| percent < 100) {
            let cut = file.metadata().and_then(|found| file.set_len(found.len() * percent / 100));
            // A file that was opened to be read cannot be cut, and has nothing to lose.
            let _ = cut;
        }
    }
}

#[cfg(unix)]
fn is_same(one: &File, other: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |file: &File| file.metadata().map(|found| (found.dev(), found.ino())).ok();
    identity(one) == identity(other)
}

#[cfg(not(unix))]
fn is_same(_: &File, _: &File) -> bool {
    true
}

/// Calls `attempt` for a stop after each change and after each `stride`-th byte, in a process that is killed and in a
/// machine without power, as long as it says that it was stopped. Returns how often it did.
pub fn each_point(stride: u64, mut attempt: impl FnMut(Stop) -> bool) -> u64 {
    let mut count = 0;
    for kept_percent in [100, 50, 0] {
        let mut all = |stop: &dyn Fn(u64) -> Stop| {
            let points = (0..).take_while(|&point| attempt(stop(point).without_power(kept_percent)));
            count += points.count() as u64;
        };
        all(&Stop::after_changes);
        all(&|point| Stop::after_bytes(point * stride));
    }
    count
}
