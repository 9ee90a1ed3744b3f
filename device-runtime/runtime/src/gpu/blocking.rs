//! Threads that wait for the GPU themselves.

use super::gate::Gate;
use super::threads::{BUSY, panic_text};
use crate::Error;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

thread_local! {
    static BLOCKING: Cell<bool> = const { Cell::new(false) };
}

/// Restores what was before, also when a future panics.
struct Blocking(bool);

impl Drop for Blocking {
    fn drop(&mut self) {
        BLOCKING.set(self.0);
    }
}

/// Runs a future of this crate to its end, on this thread, which polls the GPU by itself: no other thread is woken.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let _restore = Blocking(BLOCKING.replace(true));
    pollster::block_on(future)
}

pub(super) fn is_blocking() -> bool {
    BLOCKING.get()
}

/// How long wgpu is asked to wait at once on OpenGL, which lets no other thread in meanwhile. Elsewhere threads poll at
/// the same time, and a wait that ends early there may panic: wgpu-core takes a fence that another thread's poll has
/// passed since for a lost one.
const TURN: Duration = Duration::from_millis(100);

fn lost_in_silence() -> Error {
    Error::Lost { reason: "it takes no work".to_owned() }
}

/// A device to be polled, and the bounds of that.
#[derive(Clone, Debug)]
pub(super) struct Polled {
    pub(super) device: wgpu::Device,
    pub(super) gate: Gate,
    pub(super) timeout: Duration,
}

impl Polled {
    /// wgpu panics in a poll where the driver says that the device is lost, after it has told of the loss.
    fn poll(&self, wait: wgpu::PollType) -> Result<Result<wgpu::PollStatus, wgpu::PollError>, Error> {
        let poll = || {
            let _inside = self.gate.enter();
            #[cfg(test)]
            self.gate.mishaps().panic_as_wgpu_does();
            self.device.poll(wait)
        };
        catch_unwind(AssertUnwindSafe(poll)).map_err(|panic| {
            let reason = panic_text(&*panic);
            if reason.contains(BUSY) { resume_unwind(panic) } else { Error::Lost { reason } }
        })
    }

    /// Fails if the device is lost: it has not taken this submission then.
    pub(super) fn takes_work(&self, submission: wgpu::SubmissionIndex) -> Result<(), Error> {
        let _ = self.poll(wgpu::PollType::Poll)?; // its callback, if it has one, knows the reason
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(Duration::ZERO) };
        match self.poll(wait)? {
            Err(wgpu::PollError::WrongSubmissionIndex(..)) => Err(lost_in_silence()),
            Ok(_) | Err(wgpu::PollError::Timeout) => Ok(()),
        }
    }

    /// Waits for a submission, on this thread; its callbacks have run then. Ends early once `is_over`,
    /// where threads take turns.
    pub(super) fn until(
        &self,
        submission: &wgpu::SubmissionIndex,
        action: &str,
        is_over: impl Fn() -> bool,
    ) -> Result<(), Error> {
        let started = Instant::now();
        loop {
            let left = self.timeout.saturating_sub(started.elapsed());
            let time = if self.gate.takes_turns() { left.min(TURN) } else { left };
            let wait = wgpu::PollType::Wait { submission_index: Some(submission.clone()), timeout: Some(time) };
            #[cfg(test)]
            let hangs = self.gate.mishaps().never_ends(time);
            #[cfg(not(test))]
            let hangs = false;
            match if hangs { Err(wgpu::PollError::Timeout) } else { self.poll(wait)? } {
                Ok(_) => return Ok(()),
                Err(wgpu::PollError::Timeout) if is_over() => return Ok(()),
                Err(wgpu::PollError::Timeout) if started.elapsed() < self.timeout => {}
                Err(wgpu::PollError::Timeout) => {
                    return Err(Error::Timeout { action: action.to_owned(), waited: self.timeout });
                }
                // It is this crate's own, and no scope had an error: only a lost device takes no work in silence.
                Err(wgpu::PollError::WrongSubmissionIndex(..)) => {
                    return Err(lost_in_silence());
                }
            }
        }
    }
}
