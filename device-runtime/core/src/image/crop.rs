use crate::image::{Fit, Placement, Region};
use serde::{Deserialize, Serialize};

/// How pixels become a network's input; stored in the bundle, because it belongs to the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Subtracted from `value / 255`, one number a channel.
    pub means: Vec<f32>,
    /// Divides the difference, one number a channel.
    pub standard_deviations: Vec<f32>,
    /// Share of each side that is kept around the centre, above 0; 1 keeps all of it. With [`Fit::Crop`] it is a share
    /// of the shorter side.
    pub centre_fraction: f32,
    /// How a picture that is no square becomes one.
    #[serde(default)]
    pub fit: Fit,
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

    /// The part of an upright image that is read. It starts at multiples of `step`.
    pub fn source(&self, width: u32, height: u32, step: u32) -> Region {
        let kept =
            |side: u32| ((f64::from(side) * f64::from(self.centre_fraction)).round() as u32).clamp(1, side.max(1));
        let start = |side: u32, kept: u32| side.saturating_sub(kept) / (2 * step) * step;
        let (columns, rows) = match self.fit {
            Fit::Crop => [kept(width.min(height)); 2].into(),
            Fit::Pad | Fit::Squash => (kept(width), kept(height)),
        };
        Region { left: start(width, columns), top: start(height, rows), width: columns, height: rows }
    }

    /// How an upright image of this size becomes an input of `resolution` pixels a side.
    pub fn placement(&self, width: u32, height: u32, step: u32, resolution: u32) -> Placement {
        Placement::of(self.source(width, height, step), self.fit, resolution)
    }

    /// Most pixels of an image that a runtime reads whose `max_image_side` is `side`: those of a square, and those of
    /// two where whole pictures are read, so that 16:9 fits with the same shorter side.
    pub fn most_pixels(&self, side: u32) -> u64 {
        let square = u64::from(side) * u64::from(side);
        match self.fit {
            Fit::Crop => square,
            Fit::Pad | Fit::Squash => 2 * square,
        }
    }

    /// The `max_image_side` that a runtime needs to read an image of this size.
    ///
    /// ```
    /// use nestling_core::image::{Fit, Preprocessing};
    /// let crop =
    ///     Preprocessing { means: vec![0.5], standard_deviations: vec![0.5], centre_fraction: 1.0, fit: Fit::Crop };
    /// assert_eq!(crop.needed_side(1920, 1080), 1080);
    /// let pad = Preprocessing { fit: Fit::Pad, ..crop };
    /// assert_eq!((pad.needed_side(1920, 1080), pad.needed_side(3000, 7)), (1019, 103));
    /// ```
    pub fn needed_side(&self, width: u32, height: u32) -> u32 {
        self.side_for(self.source(width, height, 1))
    }

    /// The same for the part of an image that is read.
    pub fn side_for(&self, source: Region) -> u32 {
        let pixels = source.pixels();
        let about = match self.fit {
            Fit::Crop => pixels,
            Fit::Pad | Fit::Squash => pixels.div_ceil(2),
        }
        .isqrt() as u32;
        if self.most_pixels(about) >= pixels { about } else { about + 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_needed_side_is_the_smallest_that_is_enough(
            width in 1u32..=16_384, height in 1u32..=16_384, which in 0usize..3, centre_fraction in 0.01f32..=1.0
        ) {
            let fit = Fit::ALL[which];
            let preprocessing =
                Preprocessing { means: vec![], standard_deviations: vec![], centre_fraction, fit };
            let (side, source) = (preprocessing.needed_side(width, height), preprocessing.source(width, height, 1));
            prop_assert!(preprocessing.most_pixels(side) >= source.pixels());
            prop_assert!(preprocessing.most_pixels(side - 1) < source.pixels());
            if fit == Fit::Crop {
                let kept = (f64::from(width.min(height)) * f64::from(centre_fraction)).round().max(1.0) as u32;
                prop_assert_eq!((source.width, source.height, side), (kept, kept, kept));
                prop_assert_eq!((source.left, source.top), ((width - kept) / 2, (height - kept) / 2));
            }
        }
    }
}
