//! Images with labels: reading, splitting, augmenting.

mod augment;
mod fashion;

pub use augment::{Augmentation, augment};
pub use fashion::{FASHION_FOLDERS, FASHION_LABELS, load_fashion};

use nestling_pictures::IdxImages;

/// Labelled 8-bit grey images of one size, in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The images.
    pub images: IdxImages,
    /// One class an image, below `classes`.
    pub labels: Vec<u8>,
    /// Number of classes.
    pub classes: u32,
}

impl Dataset {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The pixels of one image.
    pub fn pixels(&self, index: usize) -> &[u8] {
        let length = self.images.image_len();
        &self.images.pixels[index * length..(index + 1) * length]
    }

    /// The first `count` images, and the rest.
    pub fn split_at(&self, count: usize) -> (Self, Self) {
        let part = |range: std::ops::Range<usize>| {
            let length = self.images.image_len();
            let pixels = self.images.pixels[range.start * length..range.end * length].to_vec();
            let images = IdxImages { pixels, ..self.images };
            Self { images, labels: self.labels[range].to_vec(), classes: self.classes }
        };
        let count = count.min(self.len());
        (part(0..count), part(count..self.len()))
    }
}

/// Why a dataset cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No folder holds the files.
    #[error(
        "Fashion-MNIST not found: no `{file}` (or `{file}.gz`) in {folders:?}; on Debian run `apt-get install \
         dataset-fashion-mnist`, or give the folder with --data"
    )]
    Missing {
        /// The first file that was looked for.
        file: &'static str,
        /// Where.
        folders: Vec<std::path::PathBuf>,
    },
    /// Images that are not square, or not of one size.
    #[error("the {what} images have {width}x{height} pixels; all images must be square and of one size")]
    Size {
        /// Training or test.
        what: &'static str,
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// A file is there but cannot be read.
    #[error("cannot read {path}: {problem}")]
    Unreadable {
        /// Which file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        problem: String,
    },
}
