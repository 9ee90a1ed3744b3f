//! Files that hold images: JPEG and PNG, and with the feature `idx` those of MNIST.

mod error;
#[cfg(feature = "idx")]
mod idx;
mod picture;

pub use error::PictureError;
#[cfg(feature = "idx")]
pub use idx::{IdxError, IdxImages, parse_idx_images, parse_idx_labels};
pub use picture::Picture;
