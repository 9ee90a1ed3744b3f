//! From an 8-bit image to the normalised tensor that a child reads: the one definition, followed by the GPU kernel and
//! by the trainer.
//!
//! 1. The image is turned and mirrored as its [`Orientation`] says. The part of it is taken that [`Preprocessing`] says:
//!    the centred square, or all of it. A camera frame's samples become red, green and blue, a pixel at a time.
//! 2. It is resized with a triangle filter whose support grows with the scale (antialiased bilinear, half-pixel
//!    centres), along rows and columns separately: to the child's resolution, or to the part of it that [`Fit::Pad`]
//!    says.
//! 3. `(value / 255 - mean) / standard_deviation`, a channel at a time. The input outside of that part is 0.

mod crop;
mod error;
mod fast;
mod fit;
mod orientation;
mod pixel_format;
mod pixels;
mod resize;
mod yuv;

pub use crop::Preprocessing;
pub use error::ImageError;
pub use fast::Resampler;
pub use fit::{Fit, Placement, Region};
pub use orientation::{Halves, Orientation, Walk};
pub use pixel_format::{LUMA, PixelFormat, PixelFormatRow};
pub use pixels::{Image, Pixels, check_size};
pub use resize::{Taps, preprocess, triangle_taps};
pub use yuv::{Chroma, Plane, YuvColour, YuvMatrix, YuvRange};

#[cfg(test)]
mod tests;
