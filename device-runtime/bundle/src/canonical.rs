//! The checksum of a JSON document: of its values, not of its layout. A person may reformat it, and a later version may
//! add fields.

use serde_json::{Number, Value};
use xxhash_rust::xxh3::xxh3_128;

/// The field that holds the checksum of all others.
const FIELD: &str = "checksum";
/// Whole numbers below this are the same as floats and as integers.
const MAX_EXACT: f64 = 9_007_199_254_740_992.0;

/// The checksum of a document without its own field.
fn checksum(mut value: Value) -> String {
    value.sort_all_objects();
    spell_numbers_alike(&mut value);
    format!("{:032x}", xxh3_128(value.to_string().as_bytes()))
}

/// Spells a number by its value: 1.0 becomes 1, as many programs that reformat JSON write it.
fn spell_numbers_alike(value: &mut Value) {
    match value {
        Value::Number(number) => {
            // -0 is not an integer.
            let is_whole =
                |one: &f64| one.fract() == 0.0 && one.abs() < MAX_EXACT && (*one != 0.0 || !one.is_sign_negative());
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).filter(is_whole) {
                *number = Number::from(whole as i64);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(spell_numbers_alike),
        Value::Object(fields) => fields.values_mut().for_each(spell_numbers_alike),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// Adds the checksum to an object.
pub(crate) fn seal(mut value: Value) -> Value {
    let sum = checksum(value.clone());
    if let Some(object) = value.as_object_mut() {
        object.insert(FIELD.to_owned(), Value::String(sum));
    }
    value
}

/// Takes the checksum out of an object; `false` if there is none or it is wrong.
pub(crate) fn unseal(value: &mut Value) -> bool {
    let Some(given) = value.as_object_mut().and_then(|object| object.remove(FIELD)) else { return false };
    given.as_str() == Some(checksum(value.clone()).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn layout_does_not_count_and_values_do() {
        let value = json!({"b": 1.5, "a": [1, "x"], "whole": [2.0, -3.0, 1e300, -0.0]});
        let sealed = seal(value.clone());
        let mut reformatted: Value = serde_json::from_str(&serde_json::to_string_pretty(&sealed).unwrap()).unwrap();
        assert!(unseal(&mut reformatted));
        assert_eq!(reformatted, value);
        let changed = |from, to| -> Value { serde_json::from_str(&sealed.to_string().replace(from, to)).unwrap() };
        for (from, to) in [("2.0", "2"), ("-3.0", "-3"), ("1.5", "1.50"), ("1e+300", "10e299")] {
            assert!(unseal(&mut changed(from, to)), "{from} is {to}");
        }
        for (from, to) in [
            ("1.5", "1.25"),
            ("2.0", "2.5"),
            ("-3.0", "3"),
            ("-0.0", "0"),
            ("\"x\"", "\"y\""),
            ("\"b\"", "\"c\""),
            ("\"checksum\"", "\"checksu\""),
        ] {
            assert!(!unseal(&mut changed(from, to)), "{from} is not {to}");
        }
    }
}
