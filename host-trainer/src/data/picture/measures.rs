//! Numbers that stand for a picture: of its bytes, of its looks, of its colours.

use super::square::squashed;
use nestling_core::image::Image;
use serde::{Deserialize, Serialize};
use std::fmt;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// Identity of a file's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContentHash(pub [u8; 16]);

impl ContentHash {
    /// That of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(xxh3_128(bytes).to_le_bytes())
    }

    /// A number that depends on a seed, and stands for a place in a random order.
    pub fn shuffled(&self, seed: u64) -> u64 {
        xxh3_64_with_seed(&self.0, seed)
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Sums of the values of pixels, and of their squares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelSums {
    /// Number of pixels.
    pub pixels: u64,
    /// Sum of each channel; a grey picture has its own three times.
    pub values: [u64; 3],
    /// Sum of each channel's squares.
    pub squares: [u64; 3],
}

impl ChannelSums {
    /// Those of rows of pixels with 1 or 3 channels.
    pub(super) fn of<'a>(rows: impl Iterator<Item = &'a [u8]>, channels: u32) -> Self {
        let mut sums = Self::default();
        for row in rows {
            for pixel in row.chunks_exact(channels as usize) {
                sums.pixels += 1;
                for channel in 0..3 {
                    let value = u64::from(pixel[channel.min(pixel.len() - 1)]);
                    sums.values[channel] += value;
                    sums.squares[channel] += value * value;
                }
            }
        }
        sums
    }

    /// Adds those of another picture.
    pub fn add(&mut self, other: &Self) {
        self.pixels += other.pixels;
        for channel in 0..3 {
            self.values[channel] += other.values[channel];
            self.squares[channel] += other.squares[channel];
        }
    }

    /// Mean and standard deviation of a channel in three digits, white being 1.
    pub fn mean_and_deviation(&self, channel: usize) -> (f32, f32) {
        let count = self.pixels.max(1) as f64;
        let mean = self.values[channel] as f64 / count;
        let variance = (self.squares[channel] as f64 / count - mean * mean).max(0.0);
        let rounded = |value: f64| ((value / 255.0 * 1e3).round() / 1e3) as f32;
        // Pictures of one colour have none.
        (rounded(mean), rounded(variance.sqrt()).max(1e-3))
    }
}

/// Rows and columns of a [`Thumbnail`].
const SIDE: u32 = 12;
/// The same as a share of the weaker contrast: pale drawings differ in little.
const MAX_SHARE_OF_CONTRAST: f64 = 0.08;

/// A picture of 12x12 pixels in colour, whatever its shape was. Saving again, shrinking and enlarging hardly change it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Thumbnail(Vec<u8>);

impl Thumbnail {
    /// Two pictures look the same if the values of their thumbnails differ by no more, on average.
    pub const MAX_DIFFERENCE: f64 = 2.0;

    /// That of a whole picture.
    pub(super) fn of(image: &Image<'_>) -> Self {
        Self(squashed(image, SIDE))
    }

    /// Means of all values, each with a sign: those of the Walsh functions on 4x4 blocks, the coarse ones first. Each
    /// differs by no more than the values do on average.
    pub fn signed_means(&self) -> [f32; 16] {
        const SIGNS: [[i32; 4]; 4] = [[1, 1, 1, 1], [1, 1, -1, -1], [1, -1, -1, 1], [1, -1, 1, -1]];
        const COARSE_FIRST: [(usize, usize); 16] = [
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 1),
            (0, 2),
            (2, 0),
            (1, 2),
            (2, 1),
            (0, 3),
            (3, 0),
            (2, 2),
            (1, 3),
            (3, 1),
            (2, 3),
            (3, 2),
            (3, 3),
        ];
        let (side, block) = (SIDE as usize, SIDE as usize / 4);
        let mut blocks = [[0i32; 4]; 4];
        for (at, value) in self.0.iter().enumerate() {
            blocks[at / (3 * side) / block][at / 3 % side / block] += i32::from(*value);
        }
        COARSE_FIRST.map(|(rows, columns)| {
            let signed = (0..16).map(|at| SIGNS[rows][at / 4] * SIGNS[columns][at % 4] * blocks[at / 4][at % 4]);
            signed.sum::<i32>() as f32 / (SIDE * SIDE * 3) as f32
        })
    }

    /// Standard deviation of all values.
    pub fn contrast(&self) -> f64 {
        let mean = f64::from(self.signed_means()[0]);
        let sum: f64 = self.0.iter().map(|&value| (f64::from(value) - mean).powi(2)).sum();
        (sum / self.0.len().max(1) as f64).sqrt()
    }

    /// Largest difference from a picture of this contrast that looks the same.
    pub fn tolerance(contrast: f64) -> f64 {
        (MAX_SHARE_OF_CONTRAST * contrast).min(Self::MAX_DIFFERENCE)
    }

    /// Whether the mean difference of the values is at most `most`.
    pub fn is_within(&self, other: &Self, most: f64) -> bool {
        let limit = (most * self.0.len() as f64) as u32;
        let mut sum = 0;
        // In parts, so that most pairs are told apart early.
        for (a, b) in self.0.chunks(48).zip(other.0.chunks(48)) {
            sum += a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum::<u32>();
            if sum > limit {
                return false;
            }
        }
        true
    }

    /// A hash of 64 bits for people and other programs: whether a pixel is brighter than the one beside it, in 8 rows.
    pub fn hash(&self) -> u64 {
        let luma = |row: usize, column: usize| {
            let first = (row * SIDE as usize + column) * 3;
            let [r, g, b] = [0, 1, 2].map(|channel| u32::from(self.0[first + channel]));
            299 * r + 587 * g + 114 * b
        };
        let bits = (2..10).flat_map(|row| (1..9).map(move |column| (row, column)));
        bits.fold(0, |hash, (row, column)| hash << 1 | u64::from(luma(row, column) > luma(row, column + 1)))
    }
}

#[cfg(test)]
impl Thumbnail {
    /// One of many that differ.
    pub fn made_up(seed: u64) -> Self {
        let value = |at: u64| xxh3_64_with_seed(&[(at / 27) as u8], seed) as u8 / 2 + 60;
        Self((0..u64::from(SIDE * SIDE * 3)).map(value).collect())
    }

    /// The same with values changed by up to `most`.
    pub fn with_noise(&self, seed: u64, most: u8) -> Self {
        let change = |(at, value): (usize, &u8)| value + xxh3_64_with_seed(&[at as u8], seed) as u8 % (most + 1);
        Self(self.0.iter().enumerate().map(change).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_are_those_of_all_pixels() {
        let mut sums = ChannelSums::of([[0, 10, 255].as_slice(), &[255, 10, 255]].into_iter(), 3);
        assert_eq!(
            [0, 1, 2].map(|channel| sums.mean_and_deviation(channel)),
            [(0.5, 0.5), (0.039, 0.001), (1.0, 0.001)]
        );
        sums.add(&ChannelSums::of([[0u8; 2].as_slice()].into_iter(), 1));
        assert_eq!((sums.pixels, sums.values, sums.mean_and_deviation(0).0), (4, [255, 20, 510], 0.25));
    }

    #[test]
    fn contents_have_one_place_in_a_random_order() {
        let [a, b] = [b"a", b"b"].map(|bytes| ContentHash::of(bytes));
        assert_eq!((a.shuffled(1), a.to_string().len()), (a.shuffled(1), 32));
        assert_ne!(a.shuffled(1), a.shuffled(2));
        assert_ne!(a.shuffled(1), b.shuffled(1));
    }

    #[test]
    fn looks_hardly_change_with_size_and_much_with_contents() {
        let pixels = |side: u32, turn: bool| -> Vec<u8> {
            let value = |x: u32, y: u32| 255 - 255 * if turn { y } else { x } / side;
            (0..side * side).map(|at| value(at % side, at / side) as u8).collect()
        };
        let of = |side, turn| Thumbnail::of(&Image::grey8(side, side, &pixels(side, turn)).unwrap());
        let (large, small, turned) = (of(200, false), of(64, false), of(200, true));
        let most = Thumbnail::tolerance(large.contrast().min(small.contrast()));
        assert!(large.is_within(&small, most) && !large.is_within(&turned, most));
        assert!(large.hash() == small.hash() && large.hash() != turned.hash());
    }
}
