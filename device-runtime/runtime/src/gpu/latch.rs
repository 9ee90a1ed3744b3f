//! Things that futures wait for.

use crate::Error;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context as Task, Poll, Waker};
#[cfg(not(target_arch = "wasm32"))]
use std::time::Instant;

/// Opened once; all waiters are woken then.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    state: Mutex<LatchState>,
}

#[derive(Debug, Default)]
struct LatchState {
    open: bool,
    waiting: Vec<Waker>,
}

impl Latch {
    pub(crate) fn open(&self) {
        let mut state = self.lock();
        state.open = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|task| self.poll(task)).await;
    }

    /// Blocks this thread until it is open.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn block(&self) {
        pollster::block_on(self.wait());
    }

    /// Waits until it is open or woken at or after the deadline; returns whether it is open.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) async fn wait_or_woken_at(&self, deadline: Instant) -> bool {
        poll_fn(|task| match self.poll(task) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if Instant::now() >= deadline => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Has everyone who waits look again.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn wake(&self) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, task: &mut Task<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.open {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(task.waker())) {
            state.waiting.push(task.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, LatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One result that a callback brings.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    latch: Latch,
    result: Mutex<Option<Result<(), Error>>>,
}

impl Signal {
    /// The first answer counts.
    pub(crate) fn answer(&self, answer: Result<(), Error>) {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(answer);
        self.latch.open();
    }

    pub(crate) async fn wait(&self) -> Result<(), Error> {
        self.latch.wait().await;
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(Ok(()))
    }
}

/// The end of a wait.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The submission is done.
    Submission,
    /// A callback, which wgpu runs in a poll after the submission is done.
    Callback,
}

#[cfg(not(target_arch = "wasm32"))]
impl End {
    /// The submission is done.
    pub(super) fn tell(self, signal: &Signal) {
        if self == Self::Submission {
            signal.answer(Ok(()));
        }
    }
}
