//! Changes that read neighbours: moving by an affine map, and sharpness. The same arithmetic as Pillow's.

use super::tables::blend;

/// The value of pixels from outside of the image.
const OUTSIDE: u8 = 128;

/// Where a pixel's value comes from: the point (`x[0]` column + `x[1]` row + `x[2]`, likewise `y`), with the centre of
/// the first pixel at one half.
#[derive(Clone, Copy, Debug)]
pub(super) struct Map {
    pub x: [f64; 3],
    pub y: [f64; 3],
}

impl Map {
    pub(super) const IDENTITY: Self = Self { x: [1.0, 0.0, 0.0], y: [0.0, 1.0, 0.0] };

    /// Counter-clockwise around the centre.
    pub(super) fn rotation(degrees: f64, side: usize) -> Self {
        let (sin, cos) = (-degrees.to_radians()).sin_cos();
        let (sin, cos) = (round(sin), round(cos));
        let centre = side as f64 / 2.0;
        Self {
            x: [cos, sin, cos * -centre + sin * -centre + centre],
            y: [-sin, cos, -sin * -centre + cos * -centre + centre],
        }
    }
}

/// To 15 decimals, so that quarter turns are exact.
fn round(value: f64) -> f64 {
    (value * 1e15).round() / 1e15
}

/// Moves the pixels, with bilinear values between them.
pub(super) fn warp(image: &mut [u8], side: usize, channels: usize, map: Map) {
    match channels {
        3 => warp_channels::<3>(image, side, map),
        _ => warp_channels::<1>(image, side, map),
    }
}

fn warp_channels<const CHANNELS: usize>(image: &mut [u8], side: usize, map: Map) {
    let source = image.to_vec();
    let (source, _) = source.as_chunks::<CHANNELS>();
    let (targets, _) = image.as_chunks_mut::<CHANNELS>();
    let inside = 0.0..side as f64;
    for (row, line) in targets.chunks_exact_mut(side).enumerate() {
        for (column, target) in line.iter_mut().enumerate() {
            let (column, row) = (column as f64 + 0.5, row as f64 + 0.5);
            let x = map.x[0] * column + map.x[1] * row + map.x[2];
            let y = map.y[0] * column + map.y[1] * row + map.y[2];
            *target = if inside.contains(&x) && inside.contains(&y) {
                between(source, side, x - 0.5, y - 0.5)
            } else {
                [OUTSIDE; CHANNELS]
            };
        }
    }
}

/// The bilinear value at a point that is at most half a pixel outside.
fn between<const CHANNELS: usize>(source: &[[u8; CHANNELS]], side: usize, x: f64, y: f64) -> [u8; CHANNELS] {
    // `x + 1` is positive, so that the cast rounds down.
    let (right, below) = ((x + 1.0) as usize, (y + 1.0) as usize);
    let (across, down) = (x + 1.0 - right as f64, y + 1.0 - below as f64);
    let (left, above) = (right.saturating_sub(1), below.saturating_sub(1));
    let (right, below) = (right.min(side - 1), below.min(side - 1));
    let at = |row: usize, column: usize| source[row * side + column];
    let corners = [at(above, left), at(above, right), at(below, left), at(below, right)];
    std::array::from_fn(|channel| {
        let [a, b, c, d] = corners.map(|pixel| f64::from(pixel[channel]));
        let (upper, lower) = (a + (b - a) * across, c + (d - c) * across);
        (upper + (lower - upper) * down) as u8
    })
}

/// Blends with the smoothed image. The pixels at the edge stay.
pub(super) fn sharpness(image: &mut [u8], side: usize, channels: usize, factor: f32) {
    let (source, stride) = (image.to_vec(), side * channels);
    if side < 3 {
        return;
    }
    for row in 1..side - 1 {
        for at in row * stride + channels..(row + 1) * stride - channels {
            let three = |middle: usize| {
                let value = |at: usize| u32::from(source[at]);
                value(middle - channels) + value(middle) + value(middle + channels)
            };
            // The centre counts five times, its eight neighbours once.
            let sum = three(at - stride) + three(at) + three(at + stride) + 4 * u32::from(source[at]);
            image[at] = blend(((2 * sum + 13) / 26) as u8, source[at], factor);
        }
    }
}
