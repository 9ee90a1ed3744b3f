//! From an image of any size to the square that is stored.

use nestling_core::image::{Fit, Image, LUMA, Orientation, PixelFormat, Pixels, Plane, Taps, triangle_taps};
use serde::{Deserialize, Serialize};

/// The form in which pictures are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Form {
    /// Rows and columns of the square.
    pub side: u32,
    /// 1 for grey, 3 for colour.
    pub channels: u32,
    /// How a picture of another shape becomes a square.
    pub fit: Fit,
    /// The colour behind transparent pixels.
    pub background: [u8; 3],
}

/// First column, first row, columns, rows.
pub(super) type Region = [u32; 4];

impl Form {
    /// Bytes of a square.
    pub fn bytes(&self) -> usize {
        (self.side * self.side * self.channels) as usize
    }

    /// The part of a picture that is read, and the part of the square that it fills.
    pub fn placement(&self, width: u32, height: u32) -> [Region; 2] {
        let (side, all) = (self.side, [0, 0, self.side, self.side]);
        match self.fit {
            Fit::Crop => {
                let shorter = width.min(height);
                [[(width - shorter) / 2, (height - shorter) / 2, shorter, shorter], all]
            }
            Fit::Squash => [[0, 0, width, height], all],
            Fit::Pad => {
                let longer = u64::from(width.max(height));
                let scaled = |one: u32| ((2 * u64::from(one) * u64::from(side) + longer) / (2 * longer)).max(1) as u32;
                let (columns, rows) = (scaled(width), scaled(height));
                [[0, 0, width, height], [(side - columns) / 2, (side - rows) / 2, columns, rows]]
            }
        }
    }

    /// Rows of the pixels of a square that lie in a region.
    pub(super) fn pixels_of<'a>(&self, pixels: &'a [u8], region: Region) -> impl Iterator<Item = &'a [u8]> {
        let [left, top, columns, rows] = region.map(|number| number as usize);
        let (side, channels) = (self.side as usize, self.channels as usize);
        (top..top + rows).map(move |row| &pixels[(row * side + left) * channels..][..columns * channels])
    }

    /// Fills the part of a square that the picture leaves free with a colour.
    pub fn fill_rest(&self, pixels: &mut [u8], (width, height): (u32, u32), colour: [u8; 3]) {
        let [_, [left, top, columns, rows]] = self.placement(width, height);
        if (columns, rows) == (self.side, self.side) {
            return;
        }
        for (at, pixel) in pixels.chunks_exact_mut(self.channels as usize).enumerate() {
            let (row, column) = (at as u32 / self.side, at as u32 % self.side);
            let is_inside = (top..top + rows).contains(&row) && (left..left + columns).contains(&column);
            if !is_inside {
                pixel.copy_from_slice(&colour[..self.channels as usize]);
            }
        }
    }
}

/// A picture in the form of a square.
#[derive(Debug)]
pub(super) struct Square {
    /// Rows of pixels with the form's channels; what the picture leaves free is 0.
    pub(super) pixels: Vec<u8>,
    /// The part that is the picture's.
    pub(super) target: Region,
}

impl Square {
    /// Fits an upright image.
    pub(super) fn of(image: &Image<'_>, form: &Form) -> Self {
        let [source, target] = form.placement(image.width(), image.height());
        let [left, top, columns, rows] = target.map(|number| number as usize);
        let resized = resize(image, source, [target[2], target[3]], form.channels);
        let (side, channels) = (form.side as usize, form.channels as usize);
        if (columns, rows) == (side, side) {
            return Self { pixels: resized, target };
        }
        let mut pixels = vec![0; form.bytes()];
        for (row, values) in resized.chunks_exact(columns * channels).enumerate() {
            pixels[((top + row) * side + left) * channels..][..values.len()].copy_from_slice(values);
        }
        Self { pixels, target }
    }
}

/// Resizes a region with the device's triangle filter, and rounds to 8 bits: rows first, because they lie together.
pub(super) fn resize(image: &Image<'_>, source: Region, [columns, rows]: [u32; 2], channels: u32) -> Vec<u8> {
    let [left, top, width, height] = source;
    let (column_taps, row_taps) = (triangle_taps(width, columns), triangle_taps(height, rows));
    let reader = RowReader::new(image, left, width, channels);
    let mut sums = vec![0.0f32; width as usize * reader.stored];
    let mut pixels = Vec::with_capacity((columns * rows * channels) as usize);
    for taps in &row_taps {
        sums.fill(0.0);
        for (row, &weight) in (top + taps.first..).zip(&taps.weights) {
            reader.add_row(row, weight as f32, &mut sums);
        }
        for taps in &column_taps {
            reader.append_mean(&sums, taps, &mut pixels);
        }
    }
    pixels
}

/// Reads parts of an image's rows as numbers.
struct RowReader<'a> {
    image: &'a Image<'a>,
    left: u32,
    width: u32,
    /// Values of a pixel that are read.
    stored: usize,
    /// Which of them are red, green and blue.
    colour: [usize; 3],
    /// Channels of the result.
    channels: u32,
    /// The bytes of a pixel and the plane, if they are read as they lie.
    packed: Option<(usize, Plane<'a>)>,
}

impl<'a> RowReader<'a> {
    fn new(image: &'a Image<'a>, left: u32, width: u32, channels: u32) -> Self {
        let (packed, row) = match image.pixels() {
            Pixels::Packed(format, plane) if image.orientation() == Orientation::Upright => {
                (Some((format.bytes_per_pixel(), *plane)), format.row())
            }
            Pixels::Packed(..) | Pixels::Yuv420(_) => (None, PixelFormat::Rgb8.row()),
        };
        let stored = if channels == 1 { 1 } else { row.bytes as usize };
        Self { image, left, width, stored, colour: row.colour.map(|at| at as usize), channels, packed }
    }

    /// Adds a row, times a weight.
    fn add_row(&self, row: u32, weight: f32, sums: &mut [f32]) {
        let Some((size, plane)) = self.packed else { return self.add_values(row, weight, sums) };
        let bytes = plane.part(row, size * self.left as usize, size * self.width as usize);
        if self.stored < size {
            let factors = LUMA.map(|factor| factor as f32 * weight);
            for (sum, pixel) in sums.iter_mut().zip(bytes.chunks_exact(size)) {
                *sum += (0..3).map(|one| factors[one] * f32::from(pixel[self.colour[one]])).sum::<f32>();
            }
        } else {
            sums.iter_mut().zip(bytes).for_each(|(sum, &byte)| *sum += weight * f32::from(byte));
        }
    }

    /// The same for an image that does not lie in memory as it is shown.
    fn add_values(&self, row: u32, weight: f32, sums: &mut [f32]) {
        for (column, sums) in (self.left..).zip(sums.chunks_exact_mut(self.stored)) {
            for (channel, sum) in (0..).zip(sums) {
                *sum += weight * self.image.value(row, column, channel, self.channels) as f32;
            }
        }
    }

    /// Appends the weighted mean of pixels of a row of sums.
    fn append_mean(&self, row: &[f32], taps: &Taps, pixels: &mut Vec<u8>) {
        let mut value = [0.0f32; 4];
        let from = &row[taps.first as usize * self.stored..];
        for (pixel, &weight) in from.chunks_exact(self.stored).zip(&taps.weights) {
            let weight = weight as f32;
            value.iter_mut().zip(pixel).for_each(|(sum, &sample)| *sum += weight * sample);
        }
        let colour = self.colour.map(|at| if self.stored == 1 { value[0] } else { value[at] });
        pixels.extend(colour.iter().take(self.channels as usize).map(|one| one.round().clamp(0.0, 255.0) as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::image::{Preprocessing, preprocess};
    use proptest::prelude::*;

    fn form(side: u32, channels: u32, fit: Fit) -> Form {
        Form { side, channels, fit, background: [255; 3] }
    }

    proptest! {
        #[test]
        fn a_cropped_square_is_the_device_s_input_rounded(
            width in 2u32..60, height in 2u32..60, side in 1u32..40, channels in prop_oneof![Just(1u32), Just(3)],
            format in prop_oneof![Just(PixelFormat::Grey8), Just(PixelFormat::Rgb8), Just(PixelFormat::Rgba8)], seed: u64
        ) {
            let count = (width * height) as usize * format.bytes_per_pixel();
            let bytes: Vec<u8> =
                (0..count as u64).map(|at| (at.wrapping_mul(seed | 1).wrapping_mul(2_654_435_761) >> 24) as u8).collect();
            let image = Image::new(width, height, format, &bytes).unwrap();
            let square = Square::of(&image, &form(side, channels, Fit::Crop)).pixels;
            let preprocessing = Preprocessing {
                means: vec![0.0; channels as usize],
                standard_deviations: vec![1.0 / 255.0; channels as usize],
                centre_fraction: 1.0,
                fit: Fit::Crop,
            };
            let exact = preprocess(&image, &preprocessing, side);
            let plane = (side * side) as usize;
            for (at, &value) in square.iter().enumerate() {
                let expected = exact[at % channels as usize * plane + at / channels as usize];
                prop_assert!((f64::from(value) - expected).abs() <= 0.5 + 1e-3, "{value} is not {expected}");
            }
        }
    }

    #[test]
    fn a_fit_reads_what_it_says_and_the_rest_takes_a_colour() {
        let bytes: Vec<u8> = (0..18).map(|index| 10 * (index % 6)).collect();
        let image = Image::grey8(6, 3, &bytes).unwrap();
        let square = |side, fit| Square::of(&image, &form(side, 1, fit)).pixels;
        assert_eq!(square(3, Fit::Crop), [10, 20, 30].repeat(3));
        let row = [0, 10, 20, 30, 40, 50];
        assert_eq!(square(6, Fit::Squash), row.repeat(6));
        let mut padded = square(6, Fit::Pad);
        assert_eq!(padded, [[0; 6].to_vec(), row.repeat(3), [0; 12].to_vec()].concat());
        form(6, 1, Fit::Pad).fill_rest(&mut padded, (6, 3), [7; 3]);
        assert_eq!(padded, [[7; 6].to_vec(), row.repeat(3), [7; 12].to_vec()].concat());
    }
}
