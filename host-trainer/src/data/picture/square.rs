//! From an image of any size to the square that is stored.

use nestling_core::image::{Fit, Image, Preprocessing, Region, Resampler};
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

impl Form {
    /// Bytes of a square.
    pub fn bytes(&self) -> usize {
        (self.side * self.side * self.channels) as usize
    }

    /// Leaves values as they are in files: 0 to 255.
    fn preprocessing(&self) -> Preprocessing {
        let channels = self.channels as usize;
        let (means, standard_deviations) = (vec![0.0; channels], vec![1.0 / 255.0; channels]);
        Preprocessing { means, standard_deviations, centre_fraction: 1.0, fit: self.fit }
    }

    /// The part of the square that a picture fills.
    pub(super) fn target(&self, width: u32, height: u32) -> Region {
        self.preprocessing().placement(width, height, 1, self.side).target
    }

    /// Rows of the pixels of a square that lie in a region.
    pub(super) fn pixels_of<'a>(&self, pixels: &'a [u8], region: Region) -> impl Iterator<Item = &'a [u8]> {
        let [left, top, columns, rows] =
            [region.left, region.top, region.width, region.height].map(|number| number as usize);
        let (side, channels) = (self.side as usize, self.channels as usize);
        (top..top + rows).map(move |row| &pixels[(row * side + left) * channels..][..columns * channels])
    }

    /// Fills the part of a square that the picture leaves free with a colour.
    pub fn fill_rest(&self, pixels: &mut [u8], (width, height): (u32, u32), colour: [u8; 3]) {
        let Region { left, top, width, height } = self.target(width, height);
        if (width, height) == (self.side, self.side) {
            return;
        }
        for (at, pixel) in (0..).zip(pixels.chunks_exact_mut(self.channels as usize)) {
            let (row, column) = (at / self.side, at % self.side);
            let is_inside = (top..top + height).contains(&row) && (left..left + width).contains(&column);
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
        let (preprocessing, mut resampler) = (form.preprocessing(), Resampler::default());
        let values = resampler.preprocess(image, &preprocessing, form.side);
        Self { pixels: rounded(&values, form.channels), target: form.target(image.width(), image.height()) }
    }
}

/// A whole image as a square of three channels.
pub(super) fn squashed(image: &Image<'_>, side: u32) -> Vec<u8> {
    Square::of(image, &Form { side, channels: 3, fit: Fit::Squash, background: [0; 3] }).pixels
}

/// Channels that lie one behind the other become pixels of 8 bits.
fn rounded(values: &[f32], channels: u32) -> Vec<u8> {
    let (channels, plane) = (channels as usize, values.len() / channels as usize);
    let value = |at: usize| values[at % channels * plane + at / channels];
    (0..values.len()).map(|at| value(at).round().clamp(0.0, 255.0) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::image::{PixelFormat, preprocess};
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
            let exact = preprocess(&image, &form(side, channels, Fit::Crop).preprocessing(), side);
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
