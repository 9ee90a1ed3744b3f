//! From an 8-bit image to the normalised tensor that a child reads: the one definition, followed by the GPU kernel and
//! by the trainer.
//!
//! 1. The image is turned and mirrored as its [`Orientation`] says. Its centred square is taken, or the share of it that
//!    [`Preprocessing`] says; a camera frame's samples become red, green and blue, a pixel at a time.
//! 2. It is resized to the child's resolution with a triangle filter whose support grows with the scale (antialiased
//!    bilinear, half-pixel centres), along rows and columns separately.
//! 3. `(value / 255 - mean) / standard_deviation`, a channel at a time.

mod crop;
mod error;
mod orientation;
mod pixel_format;
mod pixels;
mod resize;
mod yuv;

pub use crop::{Crop, Preprocessing};
pub use error::ImageError;
pub use orientation::{Halves, Orientation, Walk};
pub use pixel_format::{LUMA, PixelFormat, PixelFormatRow};
pub use pixels::{Image, Pixels, check_size};
pub use resize::{Taps, preprocess, triangle_taps};
pub use yuv::{Chroma, Plane, YuvColour, YuvMatrix, YuvRange};

#[cfg(test)]
mod tests;
