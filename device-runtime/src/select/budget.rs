use crate::latency::Latency;
use crate::units::Millis;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Which of many runs a budget binds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantile {
    /// The median run.
    P50,
    /// Nine runs of ten.
    P90,
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
        })
    }
}

/// What an app allows an inference to take, from image to logits.
///
/// ```
/// use nestling::{Budget, Millis};
/// assert_eq!(Budget::p90(Millis(8.0)).to_string(), "8.000 ms at p90");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// At most this long.
    pub limit: Millis,
    /// In this many of the runs.
    pub quantile: Quantile,
}

impl Budget {
    /// The median run takes at most `limit`.
    pub fn p50(limit: Millis) -> Self {
        Self { limit, quantile: Quantile::P50 }
    }

    /// Nine runs of ten take at most `limit`.
    pub fn p90(limit: Millis) -> Self {
        Self { limit, quantile: Quantile::P90 }
    }

    /// Whether a measured latency keeps within the budget.
    pub fn holds(self, latency: Latency) -> bool {
        latency.at(self.quantile).0 <= self.limit.0
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.limit, self.quantile)
    }
}
