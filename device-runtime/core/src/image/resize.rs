use crate::image::{Image, Preprocessing};

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
    let scale = f64::from(source) / f64::from(target);
    let support = scale.max(1.0);
    let taps = |index: u32| {
        let centre = (f64::from(index) + 0.5) * scale;
        let weight = |pixel: u32| (1.0 - ((f64::from(pixel) + 0.5 - centre) / support).abs()).max(0.0);
        let from = (centre - support).floor().max(0.0) as u32;
        let to = ((centre + support).ceil() as u32).min(source);
        let reached: Vec<u32> = (from..to).filter(|&pixel| weight(pixel) > 0.0).collect();
        let total: f64 = reached.iter().map(|&pixel| weight(pixel)).sum();
        Taps {
            first: reached.first().copied().unwrap_or(0),
            weights: reached.iter().map(|&pixel| weight(pixel) / total).collect(),
        }
    };
    (0..target).map(taps).collect()
}

/// Crops, resizes and normalises on the CPU in f64: the oracle for the GPU kernel.
///
/// Returns `[channels][resolution][resolution]` with as many channels as `preprocessing` has.
pub fn preprocess(image: &Image<'_>, preprocessing: &Preprocessing, resolution: u32) -> Vec<f64> {
    let crop = image.crop(preprocessing.centre_fraction);
    let taps = triangle_taps(crop.side, resolution);
    let channels = preprocessing.means.len() as u32;
    let mut tensor = Vec::with_capacity(channels as usize * taps.len() * taps.len());
    for channel in 0..channels {
        let mean = f64::from(preprocessing.means[channel as usize]);
        let deviation = f64::from(preprocessing.standard_deviations[channel as usize]);
        for rows in &taps {
            for columns in &taps {
                let mut sum = 0.0;
                for (row, row_weight) in (crop.top + rows.first..).zip(&rows.weights) {
                    for (column, column_weight) in (crop.left + columns.first..).zip(&columns.weights) {
                        sum += row_weight * column_weight * image.value(row, column, channel, channels);
                    }
                }
                tensor.push((sum / 255.0 - mean) / deviation);
            }
        }
    }
    tensor
}

#[cfg(test)]
mod tests {
    use super::*;
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
        fn a_flat_image_stays_flat(width in 2u32..40, height in 2u32..40, resolution in 1u32..40, level: u8,
                                   centre_fraction in 0.01f32..=1.0) {
            let bytes = vec![level; (width * height) as usize];
            let image = Image::grey8(width, height, &bytes).unwrap();
            let preprocessing = Preprocessing { means: vec![0.25], standard_deviations: vec![0.5], centre_fraction };
            let expected = (f64::from(level) / 255.0 - 0.25) / 0.5;
            for value in preprocess(&image, &preprocessing, resolution) {
                prop_assert!((value - expected).abs() < 1e-12);
            }
        }
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
        let preprocessing = Preprocessing { means: vec![0.0], standard_deviations: vec![1.0], centre_fraction: 1.0 };
        assert!((preprocess(&image, &preprocessing, 1)[0] - 0.299).abs() < 1e-12);
    }
}
