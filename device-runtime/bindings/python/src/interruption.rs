//! Calls that take seconds: without the interpreter's lock, and ended by Ctrl-C or by an exception of their callback.

use crate::error::raised;
use nestling::{Error, OnProgress, Progress};
use pyo3::prelude::*;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// Runs a call of the SDK to its end. `callback` may be `None` or takes the fraction and the phase as text.
///
/// # Errors
/// The exception of the callback, `KeyboardInterrupt`, or that of the SDK's error.
pub fn run<T: Send>(
    py: Python<'_>,
    callback: Option<Py<PyAny>>,
    call: impl AsyncFnOnce(OnProgress<'_>) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let outcome = py.detach(|| {
        let stop = Stop::default();
        let report = |progress: Progress| stop.ask(callback.as_ref(), progress);
        let ended = nestling::block_on(async {
            let mut future = pin!(call(&report));
            // Dropped in the midst of it, which cancels it.
            poll_fn(|task| match future.as_mut().poll(task) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending if stop.lock().is_some() => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            })
            .await
        });
        let reason = stop.lock().take();
        (ended, reason)
    });
    match outcome {
        (_, Some(reason)) => Err(reason),
        (Some(outcome), None) => outcome.map_err(|error| raised(py, error)),
        (None, None) => unreachable!("it ends early for a reason only"),
    }
}

/// The exception that ends a call.
#[derive(Default)]
struct Stop(Mutex<Option<PyErr>>);

impl Stop {
    fn lock(&self) -> MutexGuard<'_, Option<PyErr>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets signal handlers and the callback run, unless one of them has failed.
    fn ask(&self, callback: Option<&Py<PyAny>>, progress: Progress) {
        if self.lock().is_some() {
            return;
        }
        let outcome = Python::attach(|py| {
            py.check_signals()?;
            match callback {
                Some(callback) => callback.call1(py, (progress.fraction, progress.phase.to_string())).map(drop),
                None => Ok(()),
            }
        });
        if let Err(reason) = outcome {
            *self.lock() = Some(reason);
        }
    }
}
