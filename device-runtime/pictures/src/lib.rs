//! Files that hold images: JPEG and PNG, and with the feature `idx` those of MNIST.

#[cfg(feature = "idx")]
mod idx;
mod picture;

#[cfg(feature = "idx")]
pub use idx::{IdxError, IdxImages, parse_idx_images, parse_idx_labels};
pub use picture::{DecodeError, Picture, PictureError};
