use crate::BundleError;
use nestling_core::image::{Image, PixelFormat};

/// The images of a bundle, in one square size and one format. The section `images` holds their pixels without gaps:
/// first those that calibrate, then those that check. They are as the dataset has them: a device preprocesses them as
/// it does its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BundledImages {
    /// Rows and columns of each image in pixels.
    pub side: u32,
    /// How the bytes of each image are ordered: one of [`BundledImages::FORMATS`].
    pub format: PixelFormat,
    /// Number of images from the training images that calibrate the batch norm of a child that ships without
    /// statistics.
    pub calibration: u32,
    /// The class of each image that checks such a child, below the number of classes. These images were held out from
    /// training.
    pub check_labels: Vec<u16>,
}

impl BundledImages {
    /// The formats of images in a bundle. Their numbers in the file are those of their places here.
    pub const FORMATS: [PixelFormat; 2] = [PixelFormat::Grey8, PixelFormat::Rgba8];

    /// Bytes of one image.
    pub fn image_bytes(&self) -> u64 {
        u64::from(self.side) * u64::from(self.side) * self.format.bytes_per_pixel() as u64
    }

    /// Checks sizes, labels and the section's length: readers of the images rely on them.
    pub(super) fn check(&self, classes: u32, section_bytes: usize) -> Result<(), BundleError> {
        let fail = |problem: String| Err(BundleError::Inconsistent { problem });
        let sides = Image::MIN_SIDE..=Image::MAX_SIDE;
        if !sides.contains(&self.side) {
            return fail(format!(
                "images of {} pixels a side: between {} and {}",
                self.side,
                sides.start(),
                sides.end()
            ));
        }
        if !Self::FORMATS.contains(&self.format) {
            return fail(format!("images in {:?}: a bundle holds {:?}", self.format, Self::FORMATS));
        }
        let count = u64::from(self.calibration) + self.check_labels.len() as u64;
        if count == 0 {
            return fail("images are described, but there are none".to_owned());
        }
        // At most 2^30 bytes an image and 2^33 images: no overflow.
        let needed = count * self.image_bytes();
        if section_bytes as u64 != needed {
            return fail(format!("{section_bytes} bytes of images where {count} images need {needed}"));
        }
        match self.check_labels.iter().position(|&label| u32::from(label) >= classes) {
            Some(at) => {
                fail(format!("check image {at} has label {}, but there are {classes} classes", self.check_labels[at]))
            }
            None => Ok(()),
        }
    }
}
