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
#[cfg(not(target_arch = "wasm32"))]
use super::latch::Latch;
use super::latch::Signal;
#[cfg(not(target_arch = "wasm32"))]
use super::threads::Awaited;
#[cfg(target_arch = "wasm32")]
use super::timer::Timer;
use crate::Error;
use std::sync::Arc;
use std::time::Duration;
#[cfg(not(target_arch = "wasm32"))]
use std::time::Instant;

/// Keeps the time of a wait, until it is dropped. Natively, the one that polls keeps it.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Watch = ();
#[cfg(target_arch = "wasm32")]
pub(crate) type Watch = Timer;

impl Context {
    /// Waits until a submission, the last one so far, is done.
    pub(crate) async fn settle(&self, action: &str, submission: wgpu::SubmissionIndex) -> Result<(), Error> {
        let signal = Arc::new(Signal::default());
        // Weak: whoever polls sees that nobody waits any more.
        let done = Arc::downgrade(&signal);
        let answer = move || done.upgrade().map_or((), |done| done.answer(Ok(())));
        {
            let _inside = self.gate().enter();
            self.queue().on_submitted_work_done(answer);
        }
        #[allow(clippy::let_unit_value, reason = "a browser's is a timer")]
        let _watch = self.drive(action, submission, &signal)?;
        signal.wait().await?;
        self.check(action)
    }

    /// Sees to it that the callbacks of a submission run, or the signal is an error in time.
    pub(crate) fn drive(
        &self,
        action: &str,
        submission: wgpu::SubmissionIndex,
        signal: &Arc<Signal>,
    ) -> Result<Watch, Error> {
        #[cfg(not(target_arch = "wasm32"))]
        {
            let polled = self.polled();
            if is_blocking() {
                let outcome = polled.until(&submission, action, || false);
                self.check(action)?;
                return outcome;
            }
            let (action, signal) = (action.to_owned(), Arc::clone(signal));
            self.service().watch(Awaited { polled, action, submission, signal })
        }
        #[cfg(target_arch = "wasm32")]
        {
            // The event loop runs them by itself.
            drop(submission);
            Ok(Timer::start(signal, action, self.timeout()))
        }
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
