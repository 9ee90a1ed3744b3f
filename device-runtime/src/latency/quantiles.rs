use crate::select::Quantile;
use crate::units::Millis;
use serde::{Deserialize, Serialize};

/// Two quantiles of a child's measured time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// The median.
    pub p50: Millis,
    /// Nine runs of ten took at most this.
    pub p90: Millis,
}

impl Latency {
    /// The quantiles of some runs, by nearest rank; zeros if there is no run.
    ///
    /// ```
    /// use nestling::{Millis, latency::Latency};
    /// let runs: Vec<Millis> = (1..=10).map(|ms| Millis(f64::from(ms))).collect();
    /// assert_eq!(Latency::of(&runs), Latency { p50: Millis(5.0), p90: Millis(9.0) });
    /// ```
    pub fn of(runs: &[Millis]) -> Self {
        let mut sorted = runs.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        // In integers: 0.9 * 10 is a little more than 9.
        let rank = |percent: usize| (percent * sorted.len()).div_ceil(100).saturating_sub(1);
        let at = |percent: usize| sorted.get(rank(percent)).copied().unwrap_or_default();
        Self { p50: at(50), p90: at(90) }
    }

    /// One of the two.
    pub fn at(self, quantile: Quantile) -> Millis {
        match quantile {
            Quantile::P50 => self.p50,
            Quantile::P90 => self.p90,
        }
    }
}
