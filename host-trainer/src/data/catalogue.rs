//! The data sets that the trainer knows, one row each.
//!
//! A new data set of grey IDX files is one more row here, and the commands' choice of it (`commands/data.rs`).

use super::{DataError, Dataset, idx_files};
use nestling_core::image::{PixelFormat, Preprocessing};
use std::path::Path;

/// A data set: its files, its pixels and its classes.
#[derive(Debug, PartialEq)]
pub struct DatasetInfo {
    /// Name, for people.
    pub name: &'static str,
    /// The classes, in the order of their numbers.
    pub labels: &'static [&'static str],
    /// Format of the pixels, in the files and in bundles.
    pub pixels: PixelFormat,
    /// Mean of the training pixels, one number a channel; white is 1.
    pub means: &'static [f32],
    /// Standard deviation of the training pixels, one number a channel.
    pub standard_deviations: &'static [f32],
    /// Files of the training images.
    pub training: IdxFiles,
    /// Files of the test images.
    pub test: IdxFiles,
    /// Folders in which distributions install the files.
    pub folders: &'static [&'static str],
    /// Debian package that installs the files.
    pub package: &'static str,
}

/// Two IDX files, each plain or with `.gz` behind its name.
#[derive(Debug, PartialEq, Eq)]
pub struct IdxFiles {
    /// File of the images.
    pub images: &'static str,
    /// File of their classes.
    pub labels: &'static str,
}

/// Fashion-MNIST (Xiao, Rasul, Vollgraf, 2017): 60,000 training and 10,000 test images of 28x28 grey pixels.
pub static FASHION_MNIST: DatasetInfo = DatasetInfo {
    name: "Fashion-MNIST",
    labels: &["T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"],
    pixels: PixelFormat::Grey8,
    means: &[0.286],
    standard_deviations: &[0.353],
    training: IdxFiles { images: "train-images-idx3-ubyte", labels: "train-labels-idx1-ubyte" },
    test: IdxFiles { images: "t10k-images-idx3-ubyte", labels: "t10k-labels-idx1-ubyte" },
    folders: &["/usr/share/datasets/fashion-mnist", "/usr/share/dataset-fashion-mnist"],
    package: "dataset-fashion-mnist",
};

impl DatasetInfo {
    /// Loads the training and the test images from `folder`, or from one of the usual folders.
    ///
    /// # Errors
    /// [`DataError::Missing`] lists the folders that were searched, [`DataError::Unreadable`] names a damaged file.
    pub fn load(&self, folder: Option<&Path>) -> Result<(Dataset, Dataset), DataError> {
        idx_files::load(self, folder)
    }

    /// Normalises with the mean and deviation of the training pixels; keeps whole images.
    pub fn preprocessing(&self) -> Preprocessing {
        Preprocessing {
            means: self.means.to_vec(),
            standard_deviations: self.standard_deviations.to_vec(),
            centre_fraction: 1.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_consistent() {
        let info = &FASHION_MNIST;
        assert!(info.preprocessing().fits(info.means.len() as u32) && !info.folders.is_empty());
        assert_eq!((info.pixels.bytes_per_pixel(), info.means.len(), info.labels.len()), (1, 1, 10));
    }

    #[test]
    fn a_folder_without_the_files_is_named_with_the_first_that_is_missing() {
        let error = FASHION_MNIST.load(Some(Path::new("/nowhere"))).unwrap_err().to_string();
        assert!(
            error.contains("Fashion-MNIST not found") && error.contains("train-images") && error.contains("/nowhere")
        );
    }
}
