//! Calls that take seconds: their progress goes to a function of JavaScript, which may end them by throwing.

use crate::error::thrown;
use crate::object::object;
use js_sys::Function;
use nestling::{Error, OnProgress, Progress};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;
use wasm_bindgen::JsValue;

/// Runs a call of the SDK to its end. After each report the call yields, and `callback` is told.
///
/// # Errors
/// The exception of the callback, or the SDK's error.
pub async fn run<T>(
    callback: Option<Function>,
    call: impl AsyncFnOnce(OnProgress<'_>) -> Result<T, Error>,
) -> Result<T, JsValue> {
    let latest = Mutex::new(None);
    let take = || latest.lock().unwrap_or_else(PoisonError::into_inner).take();
    let report = |progress: Progress| *latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    let mut future = pin!(call(&report));
    // Dropped in the midst of it where the callback throws, which cancels it.
    poll_fn(|task| {
        let polled = future.as_mut().poll(task);
        if let (Some(callback), Some(progress)) = (&callback, take())
            && let Err(reason) = tell(callback, progress)
        {
            return Poll::Ready(Err(reason));
        }
        polled.map_err(thrown)
    })
    .await
}

fn tell(callback: &Function, Progress { fraction, phase }: Progress) -> Result<(), JsValue> {
    let progress = object([("fraction", fraction.into()), ("phase", phase.to_string().into())]);
    callback.call1(&JsValue::NULL, &progress).map(drop)
}
