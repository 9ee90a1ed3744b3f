//! Waiting: futures that suspend until the GPU, a compiler or the time is there.
//!
//! | who waits | who polls the device |
//! | --- | --- |
//! | a thread that blocks ([`block_on`](super::block_on)) | that thread |
//! | a future on any executor, natively | the context's service thread, of which there is one |
//! | a future in a browser | the browser's event loop, which keeps the time too |

use super::Context;
#[cfg(not(target_arch = "wasm32"))]
use super::blocking::is_blocking;
use super::latch::Signal;
#[cfg(not(target_arch = "wasm32"))]
use super::latch::{End, Latch};
#[cfg(not(target_arch = "wasm32"))]
use super::threads::Awaited;
#[cfg(target_arch = "wasm32")]
use super::timer::Timer;
use crate::Error;
use std::sync::Arc;
use std::time::Duration;
#[cfg(not(target_arch = "wasm32"))]
use std::time::Instant;

impl Context {
    /// Waits until a submission is done.
    pub(crate) async fn settle(&self, action: &str, submission: wgpu::SubmissionIndex) -> Result<(), Error> {
        let signal = Arc::new(Signal::default());
        // The poll that sees the submission done is the answer. wgpu's callback belongs to the last submission of all
        // threads, which may be another one that nobody polls for.
        #[cfg(not(target_arch = "wasm32"))]
        self.drive(action, submission, &signal, End::Submission)?;
        #[cfg(target_arch = "wasm32")]
        let _watch = {
            let done = Arc::downgrade(&signal);
            self.queue().on_submitted_work_done(move || done.upgrade().map_or((), |done| done.answer(Ok(()))));
            self.drive(action, submission, &signal)?
        };
        signal.wait().await?;
        self.check(action)
    }

    /// Polls until a submission is done, or the signal is an error in time.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn drive(
        &self,
        action: &str,
        submission: wgpu::SubmissionIndex,
        signal: &Arc<Signal>,
        end: End,
    ) -> Result<(), Error> {
        let polled = self.polled();
        if is_blocking() {
            let outcome = polled.until(&submission, action, || false);
            self.check(action)?;
            outcome?;
            end.tell(signal);
            return Ok(());
        }
        let (action, signal) = (action.to_owned(), Arc::clone(signal));
        self.service().watch(Awaited { polled, action, submission, signal, end })
    }

    /// Sees to it that the signal is an error in time; the event loop runs callbacks by itself.
    #[cfg(target_arch = "wasm32")]
    pub(crate) fn drive(
        &self,
        action: &str,
        submission: wgpu::SubmissionIndex,
        signal: &Arc<Signal>,
    ) -> Result<Timer, Error> {
        drop(submission);
        Ok(Timer::start(signal, action, self.timeout()))
    }

    /// Waits for so long: on this thread if it is one that blocks, otherwise without holding a thread.
    pub(crate) async fn sleep(&self, time: Duration) {
        #[cfg(not(target_arch = "wasm32"))]
        {
            if is_blocking() {
                std::thread::sleep(time);
            } else {
                self.wait_until(&Arc::default(), Instant::now() + time).await;
            }
        }
        #[cfg(target_arch = "wasm32")]
        {
            // A timer counts whole milliseconds; its answer is the end of the wait.
            let (signal, whole) = (Arc::default(), Duration::from_millis(time.as_micros().div_ceil(1000) as u64));
            let _timer = Timer::start(&signal, "waiting", whole);
            let _ = signal.wait().await;
        }
    }

    /// Waits until a latch is open or the time is there; returns whether it is open.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) async fn wait_until(&self, latch: &Arc<Latch>, deadline: Instant) -> bool {
        self.service().wake_at(deadline, latch);
        latch.wait_or_woken_at(deadline).await
    }
}
