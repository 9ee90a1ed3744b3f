//! Budgets as a user writes them.

use nestling_core::metrics::{MAdds, Millis, Params};

fn positive(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0)
}

/// Milliseconds above zero.
pub fn parse_millis(text: &str) -> Result<Millis, String> {
    positive(text).map(Millis).ok_or_else(|| "give milliseconds above zero, as 2.5".to_owned())
}

/// Multiply-adds; a bare number is in millions.
pub fn parse_madds(text: &str) -> Result<MAdds, String> {
    parse_count(text).map(MAdds)
}

/// Parameters; a bare number is in millions.
pub fn parse_params(text: &str) -> Result<Params, String> {
    parse_count(text).map(Params)
}

fn parse_count(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 1e3),
        Some('m' | 'M') => (&text[..text.len() - 1], 1e6),
        Some('g' | 'G') => (&text[..text.len() - 1], 1e9),
        _ => (text, 1e6),
    };
    positive(number)
        .map(|number| (number * unit).round() as u64)
        .ok_or_else(|| "give millions above zero, as 2.5, or a number with a suffix, as 2.5M or 800k".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_millions_unless_they_say_otherwise() {
        for (text, count) in [("2.5", 2_500_000), ("2.5M", 2_500_000), ("800k", 800_000), ("1G", 1_000_000_000)] {
            assert_eq!((parse_madds(text), parse_params(text)), (Ok(MAdds(count)), Ok(Params(count))));
        }
        for text in ["", "M", "-1", "x", "nan", "2.5µ", "0"] {
            assert!(parse_madds(text).unwrap_err().contains("as 2.5M"), "{text}");
        }
        assert!(parse_millis("inf").is_err() && parse_millis("-2").is_err());
    }
}
