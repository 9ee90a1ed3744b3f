//! Parts of the JSON documents that the programs print; a missing part shows as NaN, `?` or nothing.

use serde_json::Value;

/// Returns a number.
pub fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

/// Returns a text.
pub fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

/// Returns the elements of an array.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
