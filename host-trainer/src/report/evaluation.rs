use crate::classification::ClassificationReport;
use crate::data::{DataError, Dataset, to_png};
use nestling_core::image::{Fit, Preprocessing, Resampler};
use std::collections::BTreeMap;

/// Rows and columns of a thumbnail.
pub(super) const THUMBNAIL: u32 = 64;

/// How children classify the test images, with small pictures of the worst mistakes.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The numbers.
    pub report: ClassificationReport,
    /// A PNG file for each mistaken image, by its place. Children share them.
    pub thumbnails: BTreeMap<usize, Vec<u8>>,
}

impl Evaluation {
    /// Adds thumbnails from the images that the report is of, in their order.
    ///
    /// # Errors
    /// [`DataError`] if an image cannot be read.
    pub fn new(report: ClassificationReport, images: &Dataset) -> Result<Self, DataError> {
        let thumbnail = |index: usize| Ok((index, thumbnail(images, index)?));
        let thumbnails = report.mistaken_images().into_iter().map(thumbnail).collect::<Result<_, DataError>>()?;
        Ok(Self { report, thumbnails })
    }
}

/// A PNG file of an image, at most [`THUMBNAIL`] pixels high and wide.
fn thumbnail(images: &Dataset, index: usize) -> Result<Vec<u8>, DataError> {
    let pixels = images.pixels(index)?;
    let small = if images.side > THUMBNAIL { smaller(images, &pixels) } else { None };
    let (pixels, side) = small.map_or((pixels, images.side), |small| (small, THUMBNAIL));
    // Compressing into memory does not fail; a page without one picture would still be a page.
    Ok(to_png(&pixels, side).unwrap_or_default())
}

fn smaller(images: &Dataset, pixels: &[u8]) -> Option<Vec<u8>> {
    let channels = images.channels as usize;
    let unchanged = Preprocessing {
        means: vec![0.0; channels],
        standard_deviations: vec![1.0; channels],
        centre_fraction: 1.0,
        fit: Fit::Crop,
    };
    let image = images.view(pixels).ok()?;
    let planes = Resampler::default().preprocess(&image, &unchanged, THUMBNAIL);
    let plane = planes.len() / channels;
    let value = |at: usize| (255.0 * planes[at % channels * plane + at / channels]).round() as u8;
    Some((0..planes.len()).map(value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_shows_the_picture_and_is_never_larger_than_it_must_be() {
        // The left half red, the right half blue.
        let pixel = |at: u32| if at % 200 < 100 { [255, 0, 0] } else { [0, 0, 255] };
        let pixels: Vec<u8> = (0..200 * 200).flat_map(pixel).collect();
        let large = Dataset::in_memory(200, 3, pixels, vec![0], 1).unwrap();
        let picture = image::load_from_memory(&thumbnail(&large, 0).unwrap()).unwrap().to_rgb8();
        assert_eq!(picture.dimensions(), (64, 64));
        assert_eq!((picture.get_pixel(5, 60).0, picture.get_pixel(60, 5).0), ([255, 0, 0], [0, 0, 255]));
        let small = Dataset::in_memory(2, 1, vec![0, 9, 99, 255], vec![0], 1).unwrap();
        let picture = image::load_from_memory(&thumbnail(&small, 0).unwrap()).unwrap().to_luma8();
        assert_eq!(picture.into_raw(), [0, 9, 99, 255]);
    }
}
