use super::crop::draw_size;
use super::operation::Picture;
use rand::{Rng, RngExt};

/// Share of the area that is erased, and width over height: the ranges of torchvision.
const AREAS: std::ops::RangeInclusive<f64> = 0.02..=0.33;
const RATIOS: std::ops::RangeInclusive<f64> = 1.0 / 3.3..=1.0 / 0.3;

/// Replaces a random rectangle by noise: every byte is drawn anew, the paper's best filling.
///
/// Nothing is erased if none of ten rectangles fits.
pub(super) fn erase(picture: &mut Picture<'_>, random: &mut impl Rng) {
    let (side, channels) = (picture.side, picture.channels);
    for _ in 0..10 {
        if let Some((width, height)) = draw_size(side, AREAS, RATIOS, random)
            && width < side
            && height < side
        {
            let (top, left) = (random.random_range(0..=side - height), random.random_range(0..=side - width));
            for row in picture.pixels.chunks_exact_mut(side * channels).skip(top).take(height) {
                random.fill_bytes(&mut row[left * channels..(left + width) * channels]);
            }
            return;
        }
    }
}
