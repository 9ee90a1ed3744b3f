//! How an app ends a call: it drops the future, or cancels a [`Cancellation`] that it gave to the call.

use crate::error::NestlingError;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Poll, Waker};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Cancels the calls that it was given to. Kotlin's coroutines need none: cancelling a coroutine cancels its call.
#[derive(Debug, Default, uniffi::Object)]
pub struct Cancellation(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    is_cancelled: bool,
    stops: Vec<Weak<Stop>>,
}

#[uniffi::export]
impl Cancellation {
    /// Makes one that is not cancelled yet.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Ends the calls that it was given to, with the error `Cancelled`, and all later ones at once.
    pub fn cancel(&self) {
        let mut calls = lock(&self.0);
        calls.is_cancelled = true;
        let stops = std::mem::take(&mut calls.stops);
        drop(calls);
        stops.iter().filter_map(Weak::upgrade).for_each(|stop| stop.because(NestlingError::cancelled()));
    }

    /// Whether it was cancelled.
    pub fn is_cancelled(&self) -> bool {
        lock(&self.0).is_cancelled
    }
}

impl Cancellation {
    /// Lets it end a call.
    pub fn add(&self, stop: &Arc<Stop>) {
        let mut calls = lock(&self.0);
        if calls.is_cancelled {
            drop(calls);
            return stop.because(NestlingError::cancelled());
        }
        calls.stops.retain(|one| one.strong_count() > 0);
        calls.stops.push(Arc::downgrade(stop));
    }
}

/// Ends one call.
#[derive(Debug, Default)]
pub struct Stop(Mutex<Stopping>);

#[derive(Debug, Default)]
struct Stopping {
    reason: Option<NestlingError>,
    worker: Option<Waker>,
}

impl Stop {
    /// Ends the call with an error; the first one counts.
    pub fn because(&self, reason: NestlingError) {
        let mut state = lock(&self.0);
        state.reason.get_or_insert(reason);
        let worker = state.worker.take();
        drop(state);
        if let Some(worker) = worker {
            worker.wake();
        }
    }

    /// Whether the call should end.
    pub fn is_set(&self) -> bool {
        lock(&self.0).reason.is_some()
    }

    fn reason(&self, worker: &Waker) -> Option<NestlingError> {
        let mut state = lock(&self.0);
        state.worker = Some(worker.clone());
        state.reason.clone()
    }

    /// Polls a call until it ends or must end; it is then dropped where it stands, which cancels it.
    pub async fn run<T>(&self, call: impl Future<Output = Result<T, NestlingError>>) -> Result<T, NestlingError> {
        let mut call = pin!(call);
        poll_fn(|task| match self.reason(task.waker()) {
            Some(reason) => Poll::Ready(Err(reason)),
            None => call.as_mut().poll(task),
        })
        .await
    }
}
