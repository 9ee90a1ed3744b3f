//! Resizing of a part of a square image to another side, by the filter that the device resizes with.
//!
//! Rows first, then columns: one line of sums at a time. Weights are integers with 14 bits behind the point, so results
//! are the same on every processor.

use nestling_core::image::triangle_taps;
use std::sync::OnceLock;

const BITS: u32 = 14;
/// Bits behind the point that a line between the two passes keeps.
const LINE_BITS: u32 = 6;

/// A part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Region {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// Filter weights along one axis: `count` for each target pixel, from source pixel `firsts[i]` on.
#[derive(Clone, Debug)]
struct Axis {
    firsts: Vec<usize>,
    weights: Vec<i32>,
    count: usize,
}

impl Axis {
    fn new(source: u32, target: u32) -> Self {
        let taps = triangle_taps(source, target);
        let count = taps.iter().map(|taps| taps.weights.len()).max().unwrap_or(1);
        let (mut firsts, mut weights) = (Vec::new(), vec![0; taps.len() * count]);
        for (taps, weights) in taps.iter().zip(weights.chunks_exact_mut(count)) {
            // Zeros fill up to `count`; where they would reach behind the edge, they come first.
            let first = (taps.first as usize).min(source as usize - count);
            let skipped = taps.first as usize - first;
            for (rounded, weight) in weights[skipped..].iter_mut().zip(&taps.weights) {
                *rounded = (weight * f64::from(1 << BITS)).round() as i32;
            }
            // The sum stays 1, so that a flat image stays flat.
            let missing = (1 << BITS) - weights.iter().sum::<i32>();
            if let Some(largest) = weights.iter_mut().max() {
                *largest += missing;
            }
            firsts.push(first);
        }
        Self { firsts, weights, count }
    }
}

/// Resizes parts of images of one side to another side.
#[derive(Clone, Debug)]
pub(super) struct PartResizer {
    side_in: usize,
    side_out: usize,
    channels: usize,
    /// For parts of each length, made when first used.
    axes: Vec<OnceLock<Axis>>,
}

impl PartResizer {
    pub(super) fn new(side_in: usize, side_out: usize, channels: usize) -> Self {
        Self { side_in, side_out, channels, axes: vec![OnceLock::new(); side_in + 1] }
    }

    fn axis(&self, length: usize) -> &Axis {
        self.axes[length].get_or_init(|| Axis::new(length as u32, self.side_out as u32))
    }

    /// Appends the resized part to `out`.
    pub(super) fn resize(&self, pixels: &[u8], part: Region, out: &mut Vec<u8>) {
        let (rows, columns) = (self.axis(part.height), self.axis(part.width));
        let stride = self.side_in * self.channels;
        let (left, length) = (part.left * self.channels, part.width * self.channels);
        let (mut sums, mut line) = (vec![0i32; length], vec![0u16; length]);
        out.reserve(self.side_out * self.side_out * self.channels);
        for (first, weights) in rows.firsts.iter().zip(rows.weights.chunks_exact(rows.count)) {
            sums.fill(1 << (BITS - LINE_BITS - 1));
            for (row, weight) in (part.top + first..).zip(weights) {
                let start = row * stride + left;
                for (sum, pixel) in sums.iter_mut().zip(&pixels[start..start + length]) {
                    *sum += weight * i32::from(*pixel);
                }
            }
            for (value, sum) in line.iter_mut().zip(&sums) {
                *value = (sum >> (BITS - LINE_BITS)) as u16;
            }
            match self.channels {
                3 => shrink_line::<3>(&line, columns, out),
                _ => shrink_line::<1>(&line, columns, out),
            }
        }
    }
}

fn shrink_line<const CHANNELS: usize>(line: &[u16], columns: &Axis, out: &mut Vec<u8>) {
    for (first, weights) in columns.firsts.iter().zip(columns.weights.chunks_exact(columns.count)) {
        let mut sums = [1i32 << (BITS + LINE_BITS - 1); CHANNELS];
        for (pixel, weight) in line[first * CHANNELS..].chunks_exact(CHANNELS).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += weight * i32::from(*value);
            }
        }
        out.extend_from_slice(&sums.map(|sum| (sum >> (BITS + LINE_BITS)) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn resized(pixels: &[u8], sides: (usize, usize), channels: usize, part: Region) -> Vec<u8> {
        let mut out = Vec::new();
        PartResizer::new(sides.0, sides.1, channels).resize(pixels, part, &mut out);
        out
    }

    /// The same by the definition, in f64.
    fn exact(pixels: &[u8], side: usize, target: usize, channels: usize, part: Region) -> Vec<f64> {
        let (rows, columns) =
            (triangle_taps(part.height as u32, target as u32), triangle_taps(part.width as u32, target as u32));
        let mut out = Vec::new();
        for row in &rows {
            for column in &columns {
                for channel in 0..channels {
                    let mut sum = 0.0;
                    for (y, down) in (part.top + row.first as usize..).zip(&row.weights) {
                        for (x, across) in (part.left + column.first as usize..).zip(&column.weights) {
                            sum += down * across * f64::from(pixels[(y * side + x) * channels + channel]);
                        }
                    }
                    out.push(sum);
                }
            }
        }
        out
    }

    proptest! {
        #[test]
        fn every_pixel_is_the_nearest_to_the_definition(seed: u64, side in 1usize..24, target in 1usize..24, colour: bool) {
            let channels = if colour { 3 } else { 1 };
            let hash = |at: usize| seed.wrapping_add(at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
            let pixels: Vec<u8> = (0..side * side * channels).map(|at| hash(at) as u8).collect();
            let (left, top) = (hash(1000) as usize % side, hash(1001) as usize % side);
            let width = 1 + hash(1002) as usize % (side - left);
            let height = 1 + hash(1003) as usize % (side - top);
            let part = Region { left, top, width, height };
            let out = resized(&pixels, (side, target), channels, part);
            let exact = exact(&pixels, side, target, channels, part);
            prop_assert_eq!(out.len(), exact.len());
            for (value, exact) in out.iter().zip(exact) {
                // Half a step for the last rounding; the weights' own rounding adds less than a tenth.
                prop_assert!((f64::from(*value) - exact).abs() < 0.6, "{} for {}", value, exact);
            }
        }
    }

    #[test]
    fn a_flat_part_stays_flat_and_equal_sides_copy() {
        for (side, target) in [(160, 128), (7, 19), (128, 128), (255, 2)] {
            for level in [0, 1, 127, 255] {
                let whole = Region { left: 0, top: 0, width: side, height: side };
                let out = resized(&vec![level; side * side * 3], (side, target), 3, whole);
                assert!(
                    out.len() == target * target * 3 && out.iter().all(|&value| value == level),
                    "{side} to {target}"
                );
            }
        }
        let pixels: Vec<u8> = (0..75).map(|at| at * 3).collect();
        assert_eq!(resized(&pixels, (5, 5), 3, Region { left: 0, top: 0, width: 5, height: 5 }), pixels);
        let middle = resized(&pixels[..25], (5, 2), 1, Region { left: 2, top: 1, width: 2, height: 2 });
        assert_eq!(middle, [21, 24, 36, 39]);
    }
}
