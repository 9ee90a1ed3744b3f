use super::{Millis, percentiles};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The quantile of the runs that a budget limits.
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

/// Quantiles of a child's measured time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: Millis,
    /// Nine runs of ten took at most this.
    pub p90: Millis,
    /// Nineteen runs of twenty took at most this.
    pub p95: Millis,
}

impl Latency {
    /// The quantiles of some runs, by nearest rank; zeros if there is no run.
    ///
    /// ```
    /// use nestling_core::metrics::{Millis, Latency};
    /// let runs: Vec<Millis> = (1..=20).map(|ms| Millis(f64::from(ms))).collect();
    /// assert_eq!(Latency::of(&runs), Latency { p50: Millis(10.0), p90: Millis(18.0), p95: Millis(19.0) });
    /// ```
    pub fn of(runs: &[Millis]) -> Self {
        let [p50, p90, p95] = percentiles(runs, [50, 90, 95]);
        Self { p50, p90, p95 }
    }

    /// One of them.
    pub fn at(self, quantile: Quantile) -> Millis {
        match quantile {
            Quantile::P50 => self.p50,
            Quantile::P90 => self.p90,
            Quantile::P95 => self.p95,
        }
    }
}

/// The spread of a device's run times: the ratio of its slow runs to the median one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// p90 over p50, at least 1.
    pub p90: f64,
    /// p95 over p50, at least 1.
    pub p95: f64,
}

impl Spread {
    /// The spread over the runs of many children, each run over its own child's median: a few runs of each are enough.
    pub fn of<'a>(children: impl IntoIterator<Item = &'a [Millis]>) -> Self {
        let mut ratios: Vec<Millis> = Vec::new();
        for runs in children {
            let median = Latency::of(runs).p50.0;
            // One run, or two, are their own median.
            if runs.len() > 2 && median > 0.0 {
                ratios.extend(runs.iter().map(|run| Millis(run.0 / median)));
            }
        }
        let Latency { p90, p95, .. } = Latency::of(&ratios);
        Self { p90: p90.0.max(1.0), p95: p95.0.max(1.0) }
    }

    /// How much longer this quantile is than the median.
    pub fn at(self, quantile: Quantile) -> f64 {
        match quantile {
            Quantile::P50 => 1.0,
            Quantile::P90 => self.p90,
            Quantile::P95 => self.p95,
        }
    }

    /// Whether the ratios are finite, and none is below one.
    pub fn is_sound(self) -> bool {
        [self.p90, self.p95].iter().all(|ratio| ratio.is_finite() && *ratio >= 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_all_runs_over_their_own_medians() {
        let runs = |scale: f64| -> Vec<Millis> {
            (0..40).map(|run| Millis(scale * if run % 10 == 9 { 2.0 } else { 1.0 })).collect()
        };
        let (fast, slow) = (runs(1.0), runs(100.0));
        let spread = Spread::of([fast.as_slice(), slow.as_slice()]);
        assert_eq!((spread.p90, spread.p95), (1.0, 2.0));
        assert_eq!(spread.at(Quantile::P50), 1.0);
        // One run has no spread.
        assert_eq!(Spread::of([[Millis(3.0)].as_slice()]), Spread { p90: 1.0, p95: 1.0 });
    }
}
