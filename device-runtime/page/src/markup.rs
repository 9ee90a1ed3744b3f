//! Text and numbers on the page.

use std::fmt;
use time::UtcDateTime;

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

/// Bytes in the largest binary unit that leaves a whole part: `512 B`, `1.50 KiB`, `2.34 MiB`.
pub fn bytes(count: u64) -> String {
    let value = count as f64;
    match count {
        0..1024 => format!("{count} B"),
        1024..0x10_0000 => format!("{} KiB", three(value / 1024.0)),
        0x10_0000..0x4000_0000 => format!("{} MiB", three(value / 1024.0 / 1024.0)),
        _ => format!("{} GiB", three(value / 1024.0 / 1024.0 / 1024.0)),
    }
}

/// Seconds since 1970 as a date and time in UTC: `2026-11-24 20:52 UTC`.
pub fn utc(seconds: u64) -> String {
    let time = date_time(seconds);
    format!("{} {:02}:{:02} UTC", day_of(time), time.hour(), time.minute())
}

/// Seconds since 1970 as a day in UTC: `2026-11-24`.
pub fn utc_date(seconds: u64) -> String {
    day_of(date_time(seconds))
}

/// The last second that the calendar has, for one after it.
fn date_time(seconds: u64) -> UtcDateTime {
    let signed = i64::try_from(seconds).unwrap_or(i64::MAX);
    UtcDateTime::from_unix_timestamp(signed).unwrap_or(UtcDateTime::MAX)
}

fn day_of(time: UtcDateTime) -> String {
    format!("{:04}-{:02}-{:02}", time.year(), u8::from(time.month()), time.day())
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

    #[test]
    fn bytes_have_a_unit() {
        let short = [0, 1023, 1536, 3 << 19, 5 << 30].map(bytes);
        assert_eq!(short, ["0 B", "1023 B", "1.50 KiB", "1.50 MiB", "5.00 GiB"]);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let dates = [0, 951_782_400, 1_709_251_199, 1_735_689_540, 4_107_542_399, 253_402_300_799].map(utc);
        let expected = [
            "1970-01-01 00:00 UTC",
            "2000-02-29 00:00 UTC",
            "2024-02-29 23:59 UTC",
            "2024-12-31 23:59 UTC",
            "2100-02-28 23:59 UTC",
            "9999-12-31 23:59 UTC",
        ];
        assert_eq!(dates, expected);
        assert!(utc(u64::MAX).ends_with("UTC"));
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        for (seconds, date) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_735_689_599, "2024-12-31"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(utc_date(seconds), date);
        }
    }
}
