//! Quantities whose unit is part of the type, so that a budget in millions is never compared with a count.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Multiply-accumulate operations of one inference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MAdds(pub u64);

impl MAdds {
    /// The count in millions, for people.
    pub fn millions(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for MAdds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0 {
            1..100_000 => small_digits(self.0),
            0..10_000_000 => 2,
            10_000_000.. => 1,
        };
        write!(f, "{:.digits$} M", self.millions())
    }
}

/// Digits behind the point with which a count far below a million keeps two that are not zero, as far as it has them.
fn small_digits(count: u64) -> usize {
    7 - count.ilog10().max(1) as usize
}

/// Parameters of a network: weights, batch norm's gamma and beta, and biases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Params(pub u64);

impl Params {
    /// The count in millions, for people.
    pub fn millions(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = match self.0 {
            1..10_000 => small_digits(self.0),
            0..1_000_000 => 3,
            1_000_000.. => 2,
        };
        write!(f, "{:.digits$} M", self.millions())
    }
}

/// A duration in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub f64);

impl Millis {
    /// The same duration in microseconds.
    pub fn micros(self) -> f64 {
        self.0 * 1e3
    }

    /// How many runs of about `each` fit into it, within bounds.
    pub fn runs_of(self, each: Self, [fewest, most]: [f64; 2]) -> usize {
        (self.0 / each.0.max(1e-3)).clamp(fewest, most) as usize
    }
}

impl From<std::time::Duration> for Millis {
    fn from(duration: std::time::Duration) -> Self {
        Self(duration.as_secs_f64() * 1e3)
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            // Digits that say something: neither zeros nor hundreds of them.
            size if (size > 0.0 && size < 5e-4) || (size >= 1e9 && size.is_finite()) => write!(f, "{:.2e} ms", self.0),
            size if size < 10.0 => write!(f, "{:.3} ms", self.0),
            _ => write!(f, "{:.1} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_printed_with_digits_that_say_something() {
        for (ms, text) in [
            (0.0, "0.000 ms"),
            (1e-4, "1.00e-4 ms"),
            (-1e-4, "-1.00e-4 ms"),
            (5e-324, "4.94e-324 ms"),
            (0.0012, "0.001 ms"),
            (8.0, "8.000 ms"),
            (-1.0, "-1.000 ms"),
            (60_000.0, "60000.0 ms"),
            (1e300, "1.00e300 ms"),
            (f64::NAN, "NaN ms"),
            (f64::INFINITY, "inf ms"),
        ] {
            assert_eq!(Millis(ms).to_string(), text);
        }
    }

    #[test]
    fn every_count_is_printed_with_digits_that_say_something() {
        for (count, madds, params) in [
            (0, "0.00 M", "0.000 M"),
            (7, "0.000007 M", "0.000007 M"),
            (12, "0.000012 M", "0.000012 M"),
            (5_120, "0.0051 M", "0.0051 M"),
            (51_200, "0.051 M", "0.051 M"),
            (349_000, "0.35 M", "0.349 M"),
            (12_345_678, "12.3 M", "12.35 M"),
        ] {
            assert_eq!((MAdds(count).to_string(), Params(count).to_string()), (madds.to_owned(), params.to_owned()));
        }
    }

    #[test]
    fn runs_that_fit_stay_within_their_bounds() {
        let runs = |each: f64| Millis(400.0).runs_of(Millis(each), [10.0, 200.0]);
        assert_eq!([0.0, 1.0, 8.0, 9.0, 1e6].map(runs), [200, 200, 50, 44, 10]);
    }
}
