use nestling_core::names::is_unprintable;
use serde::Serialize;
use std::fmt::Write as _;

/// A value as indented JSON, in which no character is left that a terminal obeys: texts come from files of strangers.
///
/// # Errors
/// [`serde_json::Error`] if the value has no JSON form.
pub fn to_json(value: &impl Serialize) -> serde_json::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        // Outside of texts there are no others than line breaks. All of them are in the first plane.
        if c != '\n' && is_unprintable(c) {
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
        safe
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_stays_the_same_value_and_holds_nothing_that_a_terminal_obeys() {
        let value = serde_json::json!({ "a\u{9b}31m": ["two\nlines", "\u{1b}[2J", "\u{202e}", "Füße \u{1f97e}"] });
        let text = to_json(&value).unwrap();
        assert!(!text.chars().any(|c| c != '\n' && is_unprintable(c)), "{text:?}");
        assert!(text.contains("Füße") && text.contains("\\u009b31m"), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
