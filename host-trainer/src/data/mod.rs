//! Images with labels: the known data sets, reading, splitting, augmenting.
//!
//! A data set is one row of `catalogue.rs`, which is found by the contents of the files. Training, search and packing
//! read everything from that row, or compute it from the images of another data set.

mod augment;
mod catalogue;
mod dataset;
mod idx_files;
mod loaded;
mod png;

pub use augment::{Augmentation, augment};
pub use catalogue::{DatasetInfo, FASHION_MNIST, MNIST};
pub use dataset::{Dataset, ExactInputs, PixelStore};
pub use idx_files::load;
pub use loaded::LoadedData;
pub use png::to_png;

use nestling_pictures::IdxError;
use std::path::PathBuf;

/// The reason why a data set cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// No folder holds the files.
    #[error(
        "{dataset} not found: no `{file}` (or `{file}.gz`) in {}; give the folder that holds its files",
        named(.folders)
    )]
    Missing {
        /// Name of the data set.
        dataset: &'static str,
        /// Debian package that installs it.
        package: &'static str,
        /// The first file that was looked for.
        file: &'static str,
        /// The folders that were searched.
        folders: Vec<PathBuf>,
    },
    /// The images are not square, or not of one size.
    #[error("the {part} images have {width}x{height} pixels; all images must be square and of one size")]
    Size {
        /// Training or test.
        part: &'static str,
        /// Columns.
        width: u32,
        /// Rows.
        height: u32,
    },
    /// The search space was made for other images.
    #[error(
        "the images are {} and have {classes} classes, but search space `{space}` has {space_channels} input channels \
         and {space_classes} classes; take a space with `input_channels = {channels}` and `classes = {classes}`",
        if *.channels == 1 { "grey" } else { "in colour" }
    )]
    OtherSpace {
        /// Channels of the data set.
        channels: u32,
        /// Classes of the data set.
        classes: u32,
        /// Name of the space.
        space: String,
        /// Channels that its networks read.
        space_channels: u32,
        /// Classes that its networks tell apart.
        space_classes: u32,
    },
    /// There are too many or too few bytes of pixels.
    #[error("{bytes} bytes are not {images} images of {side}x{side} pixels with {channels} channels")]
    Pixels {
        /// Bytes.
        bytes: usize,
        /// Images that they should hold.
        images: usize,
        /// Rows and columns of an image.
        side: u32,
        /// Bytes of a pixel.
        channels: u32,
    },
    /// All pixels have the same value.
    #[error("all pixels of the {part} images have the value {value}: there is nothing to learn; give other images")]
    Uniform {
        /// Training or test.
        part: &'static str,
        /// The value.
        value: u8,
    },
    /// No image would be left to train on.
    #[error("{images} training images leave none after {held_out} are held out; lower `held_out` or take more images")]
    TooFewImages {
        /// Images of the data set.
        images: usize,
        /// Images that the configuration holds out.
        held_out: usize,
    },
    /// A file is there but cannot be read.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// Two files contradict each other.
    #[error("cannot use {path}: {problem}; take both files from one copy of the data set")]
    Inconsistent {
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
}

/// The folders in a message; a path need not be Unicode.
fn named(folders: &[PathBuf]) -> String {
    folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(" or ")
}

impl DataError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "data_missing",
            Self::Size { .. } => "data_size",
            Self::OtherSpace { .. } => "data_of_other_space",
            Self::Pixels { .. } => "data_pixels",
            Self::Uniform { .. } => "data_uniform",
            Self::TooFewImages { .. } => "data_too_few",
            Self::Idx(error) => error.code(),
            Self::Inconsistent { .. } => "data_inconsistent",
        }
    }
}
