use serde::{Deserialize, Serialize};

/// A square part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Rows and columns.
    pub side: u32,
}

impl Crop {
    /// The centred square that keeps `fraction` of the shorter side and starts at multiples of `step`.
    pub fn centred(width: u32, height: u32, fraction: f32, step: u32) -> Self {
        let shorter = width.min(height).max(1);
        let side = ((f64::from(shorter) * f64::from(fraction)).round() as u32).clamp(1, shorter);
        let start = |length: u32| length.saturating_sub(side) / (2 * step) * step;
        Self { left: start(width), top: start(height), side }
    }
}

/// How pixels become a network's input; stored in the bundle, because it belongs to the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Subtracted from `value / 255`, one number a channel.
    pub means: Vec<f32>,
    /// Divides the difference, one number a channel.
    pub standard_deviations: Vec<f32>,
    /// Share of the shorter side that the centred square keeps, above 0; 1 keeps all of it.
    pub centre_fraction: f32,
}

impl Preprocessing {
    /// Whether there is one finite mean and one positive deviation for each of `channels` channels, and a square to
    /// keep.
    pub fn fits(&self, channels: u32) -> bool {
        let count = channels as usize;
        (self.means.len(), self.standard_deviations.len()) == (count, count)
            && self.means.iter().all(|mean| mean.is_finite())
            && self.standard_deviations.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0)
            && self.centre_fraction > 0.0
            && self.centre_fraction <= 1.0
    }
}
