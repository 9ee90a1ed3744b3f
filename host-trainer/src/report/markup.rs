//! Text and numbers on the page.

use std::fmt;

/// Text that is escaped where it is written: in elements and in quoted attributes.
pub struct Text<'a>(pub &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // No document may hold these, escaped or not.
                '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' => f.write_str("\u{fffd}")?,
                other => write!(f, "{other}")?,
            }
        }
        Ok(())
    }
}

/// A number, or a dash for one that was not measured.
pub fn maybe(value: Option<f64>, format: impl FnOnce(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), format)
}

/// Three significant digits, never fewer than the whole part: `0.123`, `1.23`, `12.3`, `1,234`.
pub fn three(value: f64) -> String {
    let size = value.abs();
    let decimals = if size < 1.0 {
        3
    } else if size < 10.0 {
        2
    } else if size < 100.0 {
        1
    } else {
        return grouped(value);
    };
    format!("{value:.decimals$}")
}

/// A percentage with two decimals, without its sign.
pub fn percent(value: f64) -> String {
    format!("{value:.2}")
}

/// A whole number in groups of three digits.
pub fn grouped(value: f64) -> String {
    let digits = format!("{:.0}", value.abs());
    let mut text = if value < 0.0 && digits != "0" { "−".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A short error: `3.1e-6`, or `0`.
pub fn tiny(value: f64) -> String {
    if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_text_opens_a_tag_or_ends_an_attribute(text in any::<String>()) {
            let escaped = Text(&text).to_string();
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
            let back = escaped.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
            let readable: String = (text.chars())
                .map(|c| if c < ' ' && !"\t\n\r".contains(c) { '\u{fffd}' } else { c })
                .collect();
            prop_assert_eq!(back.replace("&amp;", "&"), readable);
        }
    }

    #[test]
    fn numbers_are_short() {
        let short = [three(0.1234), three(1.2345), three(12.345), three(1234.5), grouped(1_234_567.0), grouped(-12.0)];
        assert_eq!(short, ["0.123", "1.23", "12.3", "1,234", "1,234,567", "−12"]);
        assert_eq!([maybe(None, percent), maybe(Some(92.456), percent)], ["–", "92.46"]);
    }
}
