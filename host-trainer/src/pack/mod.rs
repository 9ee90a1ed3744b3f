//! Writing bundles: of a searched run, of one child of a run, of random weights, and of imported weights.

mod golden;
mod imported;
mod searched;
mod specialised;
mod untrained;

pub use golden::{GoldenSource, ShippedNetwork, golden_pictures, golden_pictures_of};
pub use imported::{ImportedOptions, pack_imported};
pub use searched::{PackOptions, pack};
pub use specialised::{OneChild, pack_specialised};
pub use untrained::{UntrainedOptions, pack_untrained};

use crate::calibrate::CalibrateError;
use crate::data::DataError;
use crate::new_file::NewFile;
use nestling_bundle::atomic_file::WriteError;
use nestling_bundle::{Bundle, BundleContents, BundleError};
use nestling_core::space::SpaceError;
use nestling_core::weights::OutOfRange;
use nestling_pictures::PictureError;

/// The reason why no bundle was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackRunError {
    /// A child is not one of the space's.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A child cannot be calibrated.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// An image cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The storage cannot hold a weight.
    #[error(transparent)]
    WeightRange(#[from] OutOfRange),
    /// The bundle is contradictory.
    #[error(transparent)]
    Pack(#[from] BundleError),
    /// The disk does not take the file.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A golden picture cannot be decoded.
    #[error("golden picture `{name}`: {source}")]
    Picture {
        /// Its name.
        name: String,
        /// The fault.
        source: PictureError,
    },
    /// The search names a child that it does not hold.
    #[error("the search chose child number {index}, but holds {count} children; search again")]
    Index {
        /// The number.
        index: usize,
        /// Number of children that the search holds.
        count: usize,
    },
    /// Calibration gave another accuracy than the search did.
    #[error(
        "child `{name}` now has {now} hits on the validation images, {before} in the search: the checkpoint, the images or \
         the machine differ; search again"
    )]
    AccuracyChanged {
        /// The child.
        name: String,
        /// Hits now.
        now: u32,
        /// Hits in the search.
        before: u32,
    },
}

impl PackRunError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Space(error) => error.code(),
            Self::Calibrate(error) => error.code(),
            Self::Data(error) => error.code(),
            Self::WeightRange(error) => error.code(),
            Self::Pack(error) => error.code(),
            Self::Write(error) => error.code(),
            Self::Picture { source, .. } => source.code(),
            Self::Index { .. } => "search_damaged",
            Self::AccuracyChanged { .. } => "accuracy_changed",
        }
    }
}

/// Encodes a bundle, opens it as a device will, and writes it.
fn write(contents: BundleContents<'_>, file: NewFile) -> Result<Bundle, PackRunError> {
    let bytes = contents.encode()?;
    let bundle = Bundle::from_bytes(&bytes)?;
    file.write(&bytes)?;
    Ok(bundle)
}
