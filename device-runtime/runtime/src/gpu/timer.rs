//! The bound of a wait in a browser, where no thread of this crate can keep the time: a timer of the event loop.

use super::latch::Signal;
use crate::Error;
use std::sync::{Arc, Weak};
use std::time::Duration;
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &Closure<dyn FnMut()>, milliseconds: i32) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
}

/// A timer until it is dropped.
pub(crate) struct Timer {
    timer: JsValue,
    _handler: Closure<dyn FnMut()>,
}

impl Timer {
    /// Answers `signal` with [`Error::Timeout`] once `wait` is over, if nothing else did before.
    pub(super) fn start(signal: &Arc<Signal>, action: &str, wait: Duration) -> Self {
        let (signal, action): (Weak<Signal>, String) = (Arc::downgrade(signal), action.to_owned());
        let handler = Closure::new(move || {
            if let Some(signal) = signal.upgrade() {
                signal.answer(Err(Error::Timeout { action: action.clone(), waited: wait }));
            }
        });
        let milliseconds = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
        Self { timer: set_timeout(&handler, milliseconds), _handler: handler }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(&self.timer);
    }
}
