use crate::metrics::{Latency, Millis, Quantile, Spread};
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

    /// Whether a measured latency keeps within the budget.
    pub fn holds(self, latency: Latency) -> bool {
        latency.at(self.quantile).0 <= self.limit.0
    }
}

impl Budget {
    /// The factor by which the budget should exceed a child's time: a child whose time equals the budget breaks it half
    /// of the time. Slow runs vary more from one second to the next than median ones, and more so on a busy device, where
    /// `guard` is the ratio of the time that three fifths as many runs exceed to that which the budget limits.
    pub fn room(self, guard: f64) -> f64 {
        let least = match self.quantile {
            Quantile::P50 => 1.05,
            Quantile::P90 => 1.08,
            Quantile::P95 => 1.1,
        };
        guard.max(least)
    }

    /// The time to expect at the budget's quantile when the child is timed again. It is the geometric mean of two
    /// figures: the quantile of a few runs of this child, which depends on the slowest ones only, and its median times
    /// the device's usual spread, which ignores this child's own. Either alone is further from the truth
    /// (docs/latency.md).
    pub fn expected(self, latency: Latency, spread: Spread) -> Millis {
        Millis((latency.at(self.quantile).0 * latency.p50.0 * spread.at(self.quantile)).sqrt())
    }

    /// Whether it holds, and will still hold when the child is timed again.
    pub fn holds_with_room(self, latency: Latency, spread: Spread, guard: f64) -> bool {
        self.holds(latency) && self.expected(latency, spread).0 * self.room(guard) <= self.limit.0
    }
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.limit, self.quantile)
    }
}
