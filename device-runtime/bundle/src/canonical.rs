//! The checksum of a JSON document: of its values, whatever its layout, so that a person may reformat it and a later version
//! may add fields.

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_128;

/// The field that holds the checksum of all others.
const FIELD: &str = "checksum";

/// The checksum of a document without its own field: objects are sorted by name, numbers are spelled in one way.
fn checksum(value: &Value) -> String {
    // serde_json keeps objects sorted, so that its text is the same for the same values.
    format!("{:032x}", xxh3_128(value.to_string().as_bytes()))
}

/// Adds the checksum to an object.
pub(crate) fn seal(mut value: Value) -> Value {
    let sum = checksum(&value);
    if let Some(object) = value.as_object_mut() {
        object.insert(FIELD.to_owned(), Value::String(sum));
    }
    value
}

/// Takes the checksum out of an object; `false` if there is none or it is wrong.
pub(crate) fn unseal(value: &mut Value) -> bool {
    let Some(given) = value.as_object_mut().and_then(|object| object.remove(FIELD)) else { return false };
    given.as_str() == Some(checksum(value).as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn layout_does_not_count_and_values_do() {
        let value = json!({"b": 1.5, "a": [1, "x"]});
        let sealed = seal(value.clone());
        let mut reformatted: Value = serde_json::from_str(&serde_json::to_string_pretty(&sealed).unwrap()).unwrap();
        assert!(unseal(&mut reformatted));
        assert_eq!(reformatted, value);
        for (from, to) in [("1.5", "1.25"), ("\"x\"", "\"y\""), ("\"b\"", "\"c\""), ("\"checksum\"", "\"checksu\"")] {
            let text = sealed.to_string();
            let mut changed: Value = serde_json::from_str(&text.replace(from, to)).unwrap();
            assert!(!unseal(&mut changed), "{text}");
        }
    }
}
