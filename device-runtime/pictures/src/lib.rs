//! Files that hold images: JPEG, PNG and WebP, and with the feature `idx` those of MNIST.

mod error;
mod exif;
#[cfg(feature = "idx")]
mod file_kind;
mod format;
mod header;
#[cfg(feature = "idx")]
mod idx;
#[cfg(feature = "idx")]
mod idx_file;
mod jpeg;
mod options;
mod picture;
mod plan;
mod png;
mod rows;
mod webp;

pub use error::PictureError;
#[cfg(feature = "idx")]
pub use file_kind::{FileKind, kind_of};
#[cfg(feature = "idx")]
pub use idx::{IdxError, IdxImages, parse_idx_images, parse_idx_labels};
#[cfg(feature = "idx")]
pub use idx_file::IdxFile;
pub use options::PictureOptions;
pub use picture::Picture;
