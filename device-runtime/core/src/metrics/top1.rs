use serde::{Deserialize, Serialize};
use std::fmt;

/// A measured accuracy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Top1 {
    /// Images whose most probable class was right.
    pub correct: u32,
    /// Images that were evaluated.
    pub images: u32,
}

impl Top1 {
    /// Share of right answers in percent; `None` if nothing was looked at.
    pub fn known_percent(self) -> Option<f64> {
        (self.images > 0).then(|| self.percent())
    }

    /// Share of right answers in percent; 0 if nothing was looked at.
    pub fn percent(self) -> f64 {
        100.0 * f64::from(self.correct) / f64::from(self.images.max(1))
    }
}

/// The most probable class: the last of the largest logits; `None` without logits.
///
/// ```
/// assert_eq!(nestling_core::metrics::most_probable(&[0.5, 2.0, -1.0]), Some(1));
/// ```
pub fn most_probable(logits: &[f32]) -> Option<usize> {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
}

impl fmt::Display for Top1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.known_percent() {
            Some(percent) => write!(f, "{percent:.2} %"),
            None => f.write_str("unmeasured"),
        }
    }
}
