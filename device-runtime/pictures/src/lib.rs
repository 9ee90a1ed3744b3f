//! Files that hold images: JPEG and PNG, and with the feature `idx` those of MNIST.

mod error;
#[cfg(feature = "idx")]
mod idx;
#[cfg(feature = "idx")]
mod idx_file;
mod picture;

pub use error::PictureError;
#[cfg(feature = "idx")]
pub use idx::{IdxError, IdxImages, parse_idx_images, parse_idx_labels};
#[cfg(feature = "idx")]
pub use idx_file::IdxFile;
pub use picture::Picture;
