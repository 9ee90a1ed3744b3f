//! JSON that notices when a single bit of it has changed: its first field is a checksum of the rest.

use serde::Serialize;
use xxhash_rust::xxh3::xxh3_128;

const OPENING: &str = "{\n  \"checksum\": \"";
/// After the checksum's digits.
const CLOSING: &str = "\",\n";
const DIGITS: usize = 32;

/// Indented JSON of a struct, sealed.
pub(super) fn seal(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    let rest = text.strip_prefix("{\n").unwrap_or(&text);
    Ok(format!("{OPENING}{:032x}{CLOSING}{rest}", xxh3_128(rest.as_bytes())))
}

/// The JSON that was sealed, without the checksum; `None` if the text is not exactly what was written.
pub(super) fn open(text: &str) -> Option<String> {
    let (digits, rest) = text.strip_prefix(OPENING)?.split_at_checked(DIGITS)?;
    let rest = rest.strip_prefix(CLOSING)?;
    // Compared as text: another spelling of the same number is a change too.
    (digits == format!("{:032x}", xxh3_128(rest.as_bytes()))).then(|| format!("{{\n{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_text_opens() {
        #[derive(Serialize)]
        struct Pair {
            left: f64,
            right: &'static str,
        }
        let text = seal(&Pair { left: 1.5, right: "x" }).unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_ok());
        let value: serde_json::Value = serde_json::from_str(&open(&text).unwrap()).unwrap();
        assert_eq!((value["left"].as_f64(), value.get("checksum")), (Some(1.5), None));
        for length in 0..text.len() {
            assert_eq!(open(&text[..length]), None);
        }
        assert_eq!(open(&(text + "\n")), None);
    }
}
