use crate::metrics::{Latency, Millis, Quantile};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The time that an app allows for an inference, from image to logits.
///
/// ```
/// use nestling_core::choosing::Budget;
/// use nestling_core::metrics::Millis;
/// assert_eq!(Budget::p90(Millis(8.0)).to_string(), "8.000 ms at p90");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// At most this long.
    pub limit: Millis,
    /// The share of the runs that must keep it.
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

    /// The share of runs that may exceed the limit.
    pub fn allowed(self) -> f64 {
        match self.quantile {
            Quantile::P50 => 0.5,
            Quantile::P90 => 0.1,
            Quantile::P95 => 0.05,
        }
    }

    /// The share of `runs`, each `ratio` times as long, that exceed the limit; 0 if there is no run.
    pub fn misses(self, runs: &[Millis], ratio: f64) -> f64 {
        let most = self.limit.0 / ratio;
        runs.iter().filter(|run| run.0 > most).count() as f64 / runs.len().max(1) as f64
    }

    /// The budget for times that shall keep this one when they are measured again: so many times as tight.
    #[must_use]
    pub fn with_room(self, room: f64) -> Self {
        Self { limit: Millis(self.limit.0 / room), ..self }
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
