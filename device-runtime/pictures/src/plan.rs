//! The size of a picture: which pixels of a file it keeps, and how much they are reduced.

use crate::PictureError;
use crate::options::{MAX_SQUARE, PictureOptions};
use nestling_core::image::{Image, ImageError};

/// The centred square is not reduced below this to save memory: networks read no larger ones.
const MIN_SQUARE: u32 = 1024;
/// Largest side of a file's pixels. Only PNG can say more.
const MAX_FILE_SIDE: u32 = 1 << 20;

/// How the pixels of a file become those of a picture: halved some times, then cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// How often both sides are halved. Every `2^halvings` pixels in each direction become their mean.
    pub halvings: u32,
    /// Columns of the picture.
    pub columns: Kept,
    /// Rows of the picture.
    pub rows: Kept,
    /// Bytes of memory that decoding takes, if they were counted.
    pub memory: u64,
}

/// The part of a halved side that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Pixels before it.
    pub first: u32,
    /// Its pixels.
    pub count: u32,
}

impl Kept {
    /// As many pixels go at both ends, so that the centre stays where it is: only the centred square is ever read.
    fn of(side: u32) -> Self {
        let first = side.saturating_sub(Image::MAX_SIDE).div_ceil(2);
        Self { first, count: side - 2 * first }
    }
}

impl Plan {
    /// The plan for pixels of this size that are halved some times.
    pub fn new(width: u32, height: u32, halvings: u32) -> Self {
        Self { halvings, columns: Kept::of(width >> halvings), rows: Kept::of(height >> halvings), memory: 0 }
    }

    /// Bytes of the picture, if it has colour.
    pub fn picture_bytes(&self) -> u64 {
        4 * u64::from(self.columns.count) * u64::from(self.rows.count)
    }

    /// The plan that reduces least and fits into memory. `memory` gives the bytes of decoding by a plan, without the
    /// picture itself, of which it is told the bytes.
    ///
    /// # Errors
    /// [`PictureError::Size`] or [`PictureError::TooLarge`].
    pub fn fitting(
        (width, height): (u32, u32),
        options: &PictureOptions,
        memory: impl Fn(&Self, u64) -> u64,
    ) -> Result<Self, PictureError> {
        check_file_size(width, height)?;
        let (square, limit) = (width.min(height), options.max_bytes);
        let least = (0..).find(|&halvings| is_enough(width, height, halvings, options)).unwrap_or(0);
        let mut plan = Self::new(width, height, least);
        loop {
            let bytes = memory(&plan, plan.picture_bytes());
            if bytes <= limit {
                return Ok(Self { memory: bytes, ..plan });
            }
            if square >> (plan.halvings + 1) < MIN_SQUARE {
                return Err(PictureError::TooLarge { width, height, bytes, limit });
            }
            plan = Self::new(width, height, plan.halvings + 1);
        }
    }
}

/// Whether pixels that are halved so often are few enough. A line of pixels cannot be halved to nothing.
fn is_enough(width: u32, height: u32, halvings: u32, options: &PictureOptions) -> bool {
    let most = options.max_square.clamp(Image::MIN_SIDE, MAX_SQUARE);
    let (shorter, longer) = (width.min(height) >> halvings, width.max(height) >> halvings);
    if !options.whole {
        return shorter <= most;
    }
    let pixels = u64::from(shorter) * u64::from(longer);
    let fits = longer <= Image::MAX_SIDE && pixels <= u64::from(most) * u64::from(most);
    fits || shorter / 2 < Image::MIN_SIDE
}

/// Whether a file may have pixels of this size.
fn check_file_size(width: u32, height: u32) -> Result<(), PictureError> {
    let sides = Image::MIN_SIDE..=MAX_FILE_SIDE;
    if sides.contains(&width) && sides.contains(&height) {
        return Ok(());
    }
    let (smallest, largest) = (Image::MIN_SIDE, MAX_FILE_SIDE);
    Err(ImageError::Size { width, height, smallest, largest }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(width: u32, height: u32, limit: u64) -> Result<(u32, u32, u32), PictureError> {
        plan_with(width, height, &PictureOptions::default().max_bytes(limit))
    }

    fn plan_with(width: u32, height: u32, options: &PictureOptions) -> Result<(u32, u32, u32), PictureError> {
        let plan = Plan::fitting((width, height), options, |_, picture| picture)?;
        Ok((plan.halvings, plan.columns.count, plan.rows.count))
    }

    #[test]
    fn pictures_are_halved_until_the_square_and_the_memory_fit() {
        let large = 1 << 40;
        assert_eq!(plan(4000, 3000, large).unwrap(), (0, 4000, 3000));
        assert_eq!(plan(16_320, 12_240, large).unwrap(), (2, 4080, 3060));
        assert_eq!(plan(4097, 9000, large).unwrap(), (1, 2048, 4500));
        assert_eq!(plan(4000, 3000, 12_000_000).unwrap(), (1, 2000, 1500));
        let error = plan(4000, 3000, 11_999_999).unwrap_err();
        assert!(matches!(error, PictureError::TooLarge { bytes: 12_000_000, limit: 11_999_999, .. }), "{error}");
    }

    #[test]
    fn whole_pictures_are_halved_until_all_pixels_fit_and_lose_no_end() {
        let options = PictureOptions::default().max_bytes(1 << 40).whole(true);
        let whole = |width, height| plan_with(width, height, &options).unwrap();
        assert_eq!(whole(4000, 3000), (0, 4000, 3000));
        assert_eq!(whole(5472, 3648), (1, 2736, 1824));
        assert_eq!(whole(4096, 4096), (0, 4096, 4096));
        assert_eq!(whole(16_384, 1024), (0, 16_384, 1024));
        assert_eq!(whole(20_000, 300), (1, 10_000, 150));
        assert_eq!(whole(100, 65_535), (2, 25, 16_383));
        // Two pixels high: its ends go after all.
        assert_eq!(whole(65_535, 2), (0, 16_383, 2));
        assert_eq!(whole(65_535, 4), (1, 16_383, 2));
    }

    #[test]
    fn a_smaller_square_halves_more_often() {
        let options = PictureOptions::default().max_bytes(1 << 40).max_square(1080);
        for ((width, height), cropped, whole) in [
            ((1920, 1080), (0, 1920, 1080), (1, 960, 540)),
            ((4000, 3000), (2, 1000, 750), (2, 1000, 750)),
            ((4320, 4320), (2, 1080, 1080), (2, 1080, 1080)),
            ((4324, 4324), (3, 540, 540), (3, 540, 540)),
        ] {
            assert_eq!(plan_with(width, height, &options).unwrap(), cropped);
            assert_eq!(plan_with(width, height, &options.whole(true)).unwrap(), whole);
        }
        // None is too large for the GPU, and none vanishes.
        assert_eq!(plan_with(8192, 8192, &options.max_square(u32::MAX)).unwrap(), (1, 4096, 4096));
        assert_eq!(plan_with(2, 2, &options.max_square(0)).unwrap(), (0, 2, 2));
    }

    #[test]
    fn long_sides_lose_as_much_at_both_ends() {
        assert_eq!(Kept::of(16_384), Kept { first: 0, count: 16_384 });
        for side in [16_385, 16_386, 20_000, 20_001, 65_535] {
            let kept = Kept::of(side);
            assert_eq!(kept.count + 2 * kept.first, side);
            assert!([16_383, 16_384].contains(&kept.count), "{kept:?}");
        }
        assert_eq!(plan(65_535, 2, 1 << 40).unwrap(), (0, 16_383, 2));
    }

    #[test]
    fn sides_that_are_no_pictures_are_refused() {
        for (width, height) in [(0, 9), (9, 1), (1 << 21, 9), (9, u32::MAX)] {
            assert!(matches!(plan(width, height, 1 << 40), Err(PictureError::Size(_))));
        }
    }
}
