//! Calls that take long: each on a thread of its own, so that no app blocks the thread that awaits it.

use crate::cancellation::{Cancellation, Stop};
use crate::error::NestlingError;
use crate::guard::guard;
use crate::listeners::ProgressListener;
use nestling::Progress;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

/// A call's listener and the means to end it.
#[derive(Default)]
pub struct Watch {
    listener: Option<Box<dyn ProgressListener>>,
    cancellation: Option<Arc<Cancellation>>,
}

impl Watch {
    /// Takes what the app gave.
    pub fn new(listener: Option<Box<dyn ProgressListener>>, cancellation: Option<Arc<Cancellation>>) -> Self {
        Self { listener, cancellation }
    }

    /// Runs a call on a thread of its own. Dropping the future that this returns ends it at its next report.
    pub fn run<T: Send + 'static>(
        self,
        call: impl AsyncFnOnce(&Report) -> Result<T, NestlingError> + Send + 'static,
    ) -> Call<T> {
        let stop = Arc::new(Stop::default());
        if let Some(cancellation) = &self.cancellation {
            cancellation.add(&stop);
        }
        let report = Report { listener: self.listener, stop: Arc::clone(&stop) };
        let slot = Arc::new(Slot::default());
        let (result, worker) = (Arc::clone(&slot), Arc::clone(&stop));
        let body = move || {
            let outcome = guard(|| nestling::block_on(worker.run(call(&report))));
            // Its end frees the app's objects, before the app goes on.
            drop(report);
            result.put(outcome);
        };
        if let Err(error) = thread::Builder::new().name("nestling".to_owned()).spawn(body) {
            slot.put(Err(NestlingError::no_thread(&error)));
        }
        Call { slot, stop }
    }
}

/// Tells the app's listener how far a call is.
pub struct Report {
    listener: Option<Box<dyn ProgressListener>>,
    stop: Arc<Stop>,
}

impl Report {
    /// Passes progress on, unless the call is about to end; an error of the listener ends it.
    pub fn send(&self, progress: Progress) {
        let Some(listener) = self.listener.as_ref().filter(|_| !self.stop.is_set()) else { return };
        if let Err(error) = listener.on_progress(progress.into()) {
            self.stop.because(error);
        }
    }
}

/// The place of a result that another thread makes.
struct Slot<T>(Mutex<Filling<T>>);

struct Filling<T> {
    outcome: Option<Result<T, NestlingError>>,
    caller: Option<Waker>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self(Mutex::new(Filling { outcome: None, caller: None }))
    }
}

impl<T> Slot<T> {
    fn lock(&self) -> MutexGuard<'_, Filling<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, outcome: Result<T, NestlingError>) {
        let mut filling = self.lock();
        filling.outcome = Some(outcome);
        let caller = filling.caller.take();
        drop(filling);
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}

/// A call that runs on its thread.
pub struct Call<T> {
    slot: Arc<Slot<T>>,
    stop: Arc<Stop>,
}

impl<T> Future for Call<T> {
    type Output = Result<T, NestlingError>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let mut filling = self.slot.lock();
        match filling.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                filling.caller = Some(task.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        self.stop.because(NestlingError::cancelled());
    }
}
