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
    /// Nineteen runs of twenty.
    P95,
}

impl fmt::Display for Quantile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P95 => "p95",
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

    /// Nineteen runs of twenty take at most `limit`: what a governor keeps.
    pub fn p95(limit: Millis) -> Self {
        Self { limit, quantile: Quantile::P95 }
    }

    /// Whether a measured latency keeps within the budget.
    pub fn holds(self, latency: Latency) -> bool {
        latency.at(self.quantile).0 <= self.limit.0
    }
}

/// A budget should exceed a measured time by this much: a child whose time is the budget breaks it half of the time.
#[cfg(feature = "gpu")]
pub(crate) const ROOM: f64 = 1.05;

impl Budget {
    /// Whether it will still hold when the child is timed again.
    #[cfg(feature = "gpu")]
    pub(crate) fn holds_with_room(self, latency: Latency) -> bool {
        latency.at(self.quantile).0 * ROOM <= self.limit.0
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.limit, self.quantile)
    }
}
