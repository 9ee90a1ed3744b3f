//! Errors of the SDK as errors of JavaScript.

use crate::object::set;
use crate::words::in_javascript;
use nestling::Error;
use wasm_bindgen::JsValue;

/// The error of a failure of the SDK: `code`, and after `below_fastest` also `fastest` and `neededMs`.
pub fn thrown(error: impl Into<Error>) -> JsValue {
    let error = error.into();
    let thrown = of_code(error.code(), &in_javascript(&error.to_string()));
    if let Error::BelowFastest { budget, fastest, measured } = &error {
        set(&thrown, "fastest", &fastest.as_str().into());
        set(&thrown, "neededMs", &measured.at(budget.quantile).0.into());
    }
    thrown
}

/// An error with a code and a message.
pub fn of_code(code: &str, message: &str) -> JsValue {
    let thrown = JsValue::from(js_sys::Error::new(message));
    set(&thrown, "code", &code.into());
    thrown
}

/// The error of an argument that cannot be.
pub fn invalid(name: &str, given: &str, wanted: &str) -> JsValue {
    of_code("usage", &format!("{name} is {given}: give {wanted}"))
}
