use crate::image::{Image, Placement, Preprocessing};

/// The pixels of one source row or column that make one target pixel.
#[derive(Clone, Debug, PartialEq)]
pub struct Taps {
    /// First source pixel.
    pub first: u32,
    /// Weights of the pixels from `first` on; they sum to 1.
    pub weights: Vec<f64>,
}

/// The triangle filter from `source` to `target` pixels along one axis: one [`Taps`] a target pixel.
///
/// Half-pixel centres; the filter widens by the scale when shrinking (antialiased). Equal sizes give a copy.
///
/// ```
/// use nestling_core::image::triangle_taps;
/// assert!(triangle_taps(28, 28).iter().enumerate().all(|(i, taps)| taps.first == i as u32 && taps.weights == [1.0]));
/// assert_eq!(triangle_taps(4, 2)[0].weights.len(), 3);
/// ```
pub fn triangle_taps(source: u32, target: u32) -> Vec<Taps> {
    let taps = |index: u32| {
        let mut weights = Vec::new();
        let first = taps_into(index, source, target, &mut weights);
        Taps { first, weights }
    };
    (0..target).map(taps).collect()
}

/// The weights of one target pixel, in place of those that were there; returns the first source pixel.
pub(super) fn taps_into(index: u32, source: u32, target: u32, weights: &mut Vec<f64>) -> u32 {
    let scale = f64::from(source) / f64::from(target);
    let support = scale.max(1.0);
    let centre = (f64::from(index) + 0.5) * scale;
    let weight = |pixel: u32| (1.0 - ((f64::from(pixel) + 0.5 - centre) / support).abs()).max(0.0);
    let from = (centre - support).floor().max(0.0) as u32;
    let to = ((centre + support).ceil() as u32).min(source);
    let first = (from..to).find(|&pixel| weight(pixel) > 0.0).unwrap_or(0);
    weights.clear();
    weights.extend((first..to).map(weight).take_while(|&weight| weight > 0.0));
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    first
}

/// Fits, resizes and normalises on the CPU in f64: the oracle for the GPU kernel.
///
/// Returns `[channels][resolution][resolution]` with as many channels as `preprocessing` has.
pub fn preprocess(image: &Image<'_>, preprocessing: &Preprocessing, resolution: u32) -> Vec<f64> {
    let Placement { source, target } = image.placement(preprocessing, resolution);
    let (row_taps, column_taps) =
        (triangle_taps(source.height, target.height), triangle_taps(source.width, target.width));
    let channels = preprocessing.means.len() as u32;
    let plane = resolution as usize * resolution as usize;
    let mut tensor = vec![0.0; channels as usize * plane];
    for channel in 0..channels {
        let mean = f64::from(preprocessing.means[channel as usize]);
        let deviation = f64::from(preprocessing.standard_deviations[channel as usize]);
        for (rows, row) in row_taps.iter().zip(target.top as usize..) {
            for (columns, column) in column_taps.iter().zip(target.left as usize..) {
                let mut sum = 0.0;
                for (row, row_weight) in (source.top + rows.first..).zip(&rows.weights) {
                    for (column, column_weight) in (source.left + columns.first..).zip(&columns.weights) {
                        sum += row_weight * column_weight * image.value(row, column, channel, channels);
                    }
                }
                let at = channel as usize * plane + row * resolution as usize + column;
                tensor[at] = (sum / 255.0 - mean) / deviation;
            }
        }
    }
    tensor
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Fit;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn taps_sum_to_one_and_stay_inside(source in 1u32..400, target in 1u32..400) {
            for taps in triangle_taps(source, target) {
                prop_assert!(!taps.weights.is_empty());
                prop_assert!(taps.first as usize + taps.weights.len() <= source as usize);
                prop_assert!((taps.weights.iter().sum::<f64>() - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn a_flat_image_stays_flat_and_the_rest_is_zero(
            (width, height) in shapes(), resolution in 1u32..40, level: u8, centre_fraction in 0.01f32..=1.0,
            which in 0usize..3
        ) {
            let bytes = vec![level; (width * height) as usize];
            let image = Image::grey8(width, height, &bytes).unwrap();
            let fit = Fit::ALL[which];
            let preprocessing =
                Preprocessing { means: vec![0.25], standard_deviations: vec![0.5], centre_fraction, fit };
            let expected = (f64::from(level) / 255.0 - 0.25) / 0.5;
            let target = image.placement(&preprocessing, resolution).target;
            for (value, at) in preprocess(&image, &preprocessing, resolution).into_iter().zip(0..) {
                let (row, column) = (at / resolution, at % resolution);
                let inside = (target.top..target.top + target.height).contains(&row)
                    && (target.left..target.left + target.width).contains(&column);
                if inside {
                    prop_assert!((value - expected).abs() < 1e-12);
                } else {
                    prop_assert!(value == 0.0 && fit == Fit::Pad);
                }
            }
        }

        #[test]
        fn every_fit_of_a_square_is_the_same(
            side in 2u32..40, resolution in 1u32..40, centre_fraction in 0.01f32..=1.0, seed: u8
        ) {
            let bytes: Vec<u8> = (0..side * side).map(|index| (index * 37) as u8 ^ seed).collect();
            let image = Image::grey8(side, side, &bytes).unwrap();
            let tensor = |fit| {
                let means = vec![0.25];
                preprocess(&image, &Preprocessing { means, standard_deviations: vec![0.5], centre_fraction, fit }, resolution)
            };
            prop_assert_eq!(tensor(Fit::Crop), tensor(Fit::Pad));
            prop_assert_eq!(tensor(Fit::Crop), tensor(Fit::Squash));
        }
    }

    /// Usual shapes, and very long ones.
    fn shapes() -> impl Strategy<Value = (u32, u32)> {
        let long = prop_oneof![Just((3000, 7)), Just((2, 20)), Just((2, 1500)), Just((999, 2))];
        prop_oneof![3 => (2u32..40, 2u32..40), 1 => long]
    }

    /// Columns 0 to 5 of three rows, as far as they are bright.
    fn columns(fit: Fit, resolution: u32) -> Vec<f64> {
        let bytes: Vec<u8> = (0..18).map(|index| 10 * (index % 6) as u8).collect();
        let image = Image::grey8(6, 3, &bytes).unwrap();
        let preprocessing =
            Preprocessing { means: vec![0.0], standard_deviations: vec![1.0 / 255.0], centre_fraction: 1.0, fit };
        preprocess(&image, &preprocessing, resolution).iter().map(|value| value.round()).collect()
    }

    #[test]
    fn a_fit_reads_what_it_says() {
        // The square in the middle, as it is.
        assert_eq!(columns(Fit::Crop, 3), [10., 20., 30.].repeat(3));
        // All columns, three rows of six between empty ones.
        let rows = [0., 10., 20., 30., 40., 50.];
        assert_eq!(columns(Fit::Pad, 6), [[0.; 6].to_vec(), rows.repeat(3), [0.; 12].to_vec()].concat());
        assert_eq!(columns(Fit::Squash, 6), rows.repeat(6));
    }

    #[test]
    fn shrinking_by_two_weighs_four_pixels_as_a_triangle() {
        let middle = &triangle_taps(8, 4)[1];
        assert_eq!((middle.first, middle.weights.as_slice()), (1, [0.125, 0.375, 0.375, 0.125].as_slice()));
    }

    #[test]
    fn colour_is_read_as_luma_by_a_grey_network() {
        let red = [255, 0, 0, 9].repeat(4);
        let image = Image::rgba8(2, 2, &red).unwrap();
        let preprocessing =
            Preprocessing { means: vec![0.0], standard_deviations: vec![1.0], centre_fraction: 1.0, fit: Fit::Crop };
        assert!((preprocess(&image, &preprocessing, 1)[0] - 0.299).abs() < 1e-12);
    }
}
