use serde::{Deserialize, Serialize};

crate::listed_enum! {
    /// How a picture of any shape becomes a square.
    ///
    /// Append only: files hold a variant's number.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Fit {
        /// The centred square of the picture; what is beside it is lost.
        #[default]
        Crop,
        /// The whole picture in its shape, centred in the square. The rest is zero after normalisation: the colour of
        /// the means.
        Pad,
        /// The whole picture, stretched to the square.
        Squash,
    }
}

impl Fit {
    /// Its name in files and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Crop => "crop",
            Self::Pad => "pad",
            Self::Squash => "squash",
        }
    }
}

impl std::fmt::Display for Fit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Region {
    /// Number of its pixels.
    pub fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// The same region of the picture whose rows are this one's columns.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self { left: self.top, top: self.left, width: self.height, height: self.width }
    }

    /// The largest rectangle of a picture's shape within a square, centred there: sides are rounded, and one pixel at
    /// least.
    fn in_square(width: u32, height: u32, square: u32) -> Self {
        let longer = u64::from(width.max(height));
        let scaled = |side: u32| ((2 * u64::from(side) * u64::from(square) + longer) / (2 * longer)).max(1) as u32;
        let (width, height) = (scaled(width), scaled(height));
        Self { left: (square - width) / 2, top: (square - height) / 2, width, height }
    }
}

/// The pixels of an upright image that are read, and those of a network's input that they become. Both axes are scaled
/// on their own. The rest of the input is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placement {
    /// A part of the image.
    pub source: Region,
    /// A part of the input.
    pub target: Region,
}

impl Placement {
    /// That of a source in a square of `resolution` pixels.
    pub(super) fn of(source: Region, fit: Fit, resolution: u32) -> Self {
        let target = match fit {
            // A square stays one.
            Fit::Crop | Fit::Squash => Region { left: 0, top: 0, width: resolution, height: resolution },
            Fit::Pad => Region::in_square(source.width, source.height, resolution),
        };
        Self { source, target }
    }

    /// That of the picture whose rows are this one's columns.
    #[must_use]
    pub fn transposed(&self) -> Self {
        Self { source: self.source.transposed(), target: self.target.transposed() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_padded_picture_keeps_its_shape_in_the_middle() {
        let region = |left, top, width, height| Region { left, top, width, height };
        assert_eq!(Region::in_square(400, 300, 224), region(0, 28, 224, 168));
        assert_eq!(Region::in_square(3, 4, 10), region(1, 0, 8, 10));
        assert_eq!(Region::in_square(5, 5, 3), region(0, 0, 3, 3));
        // However long it is, a row of pixels is left.
        assert_eq!(Region::in_square(3000, 7, 28), region(0, 13, 28, 1));
        assert_eq!(Region::in_square(2, 16_384, 1), region(0, 0, 1, 1));
    }

    proptest! {
        #[test]
        fn a_padded_picture_fills_the_square_along_its_longer_side(
            width in 1u32..20_000, height in 1u32..20_000, square in 1u32..600
        ) {
            let target = Region::in_square(width, height, square);
            prop_assert_eq!(target.width.max(target.height), square);
            prop_assert!(target.left + target.width <= square && target.top + target.height <= square);
            prop_assert!((square - target.width).abs_diff(2 * target.left) <= 1);
            let exact = f64::from(square) * f64::from(width.min(height)) / f64::from(width.max(height));
            let shorter = target.width.min(target.height);
            prop_assert!((f64::from(shorter) - exact).abs() <= 0.5 || shorter == 1, "{} is not {}", shorter, exact);
            prop_assert_eq!(Region::in_square(height, width, square), target.transposed());
        }
    }
}
