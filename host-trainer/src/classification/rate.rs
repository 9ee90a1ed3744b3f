use serde::{Deserialize, Serialize};

/// The 97.5 % quantile of the normal distribution: two-sided 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// A share in percent, with its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// The share.
    pub percent: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Rate {
    /// `hits` of `trials`, with Wilson's score interval; nothing without trials.
    ///
    /// ```
    /// use nestling_train::classification::Rate;
    /// let rate = Rate::of(8, 10).unwrap();
    /// assert_eq!(format!("{:.1} ({:.2} to {:.2})", rate.percent, rate.low, rate.high), "80.0 (49.02 to 94.33)");
    /// ```
    pub fn of(hits: u32, trials: u32) -> Option<Self> {
        if trials == 0 {
            return None;
        }
        let (count, share) = (f64::from(trials), f64::from(hits) / f64::from(trials));
        let squared = Z * Z / count;
        let centre = (share + squared / 2.0) / (1.0 + squared);
        let half = Z / (1.0 + squared) * (share * (1.0 - share) / count + squared / (4.0 * count)).sqrt();
        // Rounding must not leave the share outside of its own interval.
        let [low, high] = [(centre - half).clamp(0.0, share), (centre + half).clamp(share, 1.0)];
        Some(Self { percent: 100.0 * share, low: 100.0 * low, high: 100.0 * high })
    }
}
