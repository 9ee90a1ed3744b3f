use crate::image::PixelFormat;
use crate::image::yuv::{Chroma, Plane, Yuv420, YuvColour};
use serde::{Deserialize, Serialize};

/// A borrowed 8-bit image, rows from top to bottom: whole pixels without gaps, or a camera frame's planes.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    width: u32,
    height: u32,
    pixels: Pixels<'a>,
}

/// The pixels that an image borrows.
#[derive(Clone, Copy, Debug)]
pub enum Pixels<'a> {
    /// Whole pixels without gaps.
    Packed(PixelFormat, &'a [u8]),
    /// A camera frame.
    Yuv420(Yuv420<'a>),
}

/// Why an image cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A side is too small or too large.
    #[error("an image of {width}x{height} pixels: each side must be between {smallest} and {largest}")]
    Size {
        /// Given width in pixels.
        width: u32,
        /// Given height in pixels.
        height: u32,
        /// Smallest side in pixels.
        smallest: u32,
        /// Largest side in pixels.
        largest: u32,
    },
    /// The bytes do not fill the image.
    #[error(
        "an image of {width}x{height} pixels in {format:?} has {expected} bytes, but {given} were given; check width, \
         height, format and that rows have no padding"
    )]
    Length {
        /// Given width in pixels.
        width: u32,
        /// Given height in pixels.
        height: u32,
        /// Given format.
        format: PixelFormat,
        /// Bytes that it needs.
        expected: usize,
        /// Bytes that were given.
        given: usize,
    },
    /// The rows of a plane would overlap.
    #[error(
        "rows of the {plane} plane have {row_bytes} bytes, but a stride of {stride} was given: give the bytes from one \
         row to the next, padding included"
    )]
    Stride {
        /// Which plane.
        plane: &'static str,
        /// Given bytes from one row to the next.
        stride: u64,
        /// Bytes of a row without padding.
        row_bytes: u64,
    },
    /// A plane is too short.
    #[error(
        "{rows} rows of the {plane} plane, {stride} bytes apart, need {expected} bytes, but {given} were given; check \
         width, height and stride"
    )]
    Plane {
        /// Which plane.
        plane: &'static str,
        /// Rows that it needs.
        rows: u32,
        /// Given bytes from one row to the next.
        stride: u64,
        /// Fewest bytes.
        expected: u64,
        /// Bytes that were given.
        given: usize,
    },
    /// Chroma samples with a distance of zero bytes.
    #[error("a pixel stride of 0: give the bytes from one chroma sample to the next, 1 or 2 for most cameras")]
    PixelStride,
}

impl ImageError {
    /// A stable name of this kind of error, for bindings.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Size { .. } => "image_size",
            Self::Length { .. } => "image_length",
            Self::Stride { .. } => "image_stride",
            Self::Plane { .. } => "image_plane",
            Self::PixelStride => "image_pixel_stride",
        }
    }

    fn size(width: u32, height: u32) -> Self {
        Self::Size { width, height, smallest: Image::MIN_SIDE, largest: Image::MAX_SIDE }
    }
}

impl<'a> Image<'a> {
    /// Smallest side of an image in pixels: one pixel is a sign of a mistake.
    pub const MIN_SIDE: u32 = 2;
    /// Largest side of an image in pixels.
    pub const MAX_SIDE: u32 = 16_384;

    /// Pixels of which the caller knows that [`Image::new`] takes them: those of a verified bundle or a decoded
    /// picture.
    pub fn of_checked(width: u32, height: u32, format: PixelFormat, bytes: &'a [u8]) -> Self {
        debug_assert!(Self::new(width, height, format, bytes).is_ok());
        Self { width, height, pixels: Pixels::Packed(format, bytes) }
    }

    /// Borrows pixels as an image.
    ///
    /// ```
    /// use nestling_core::image::{Image, PixelFormat};
    /// assert!(Image::new(28, 28, PixelFormat::Grey8, &[0; 784]).is_ok());
    /// let error = Image::new(28, 28, PixelFormat::Grey8, &[0; 100]).unwrap_err();
    /// assert!(error.to_string().contains("784 bytes, but 100 were given"));
    /// ```
    ///
    /// # Errors
    /// [`ImageError`] if a side is below 2 or above 16,384, or the bytes are not exactly `width * height` pixels.
    pub fn new(width: u32, height: u32, format: PixelFormat, bytes: &'a [u8]) -> Result<Self, ImageError> {
        check_size(width, height)?;
        let expected = width as usize * height as usize * format.bytes_per_pixel();
        if bytes.len() != expected {
            return Err(ImageError::Length { width, height, format, expected, given: bytes.len() });
        }
        Ok(Self { width, height, pixels: Pixels::Packed(format, bytes) })
    }

    /// A grey image, one byte a pixel.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn grey8(width: u32, height: u32, bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::new(width, height, PixelFormat::Grey8, bytes)
    }

    /// A colour image, four bytes a pixel.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn rgba8(width: u32, height: u32, bytes: &'a [u8]) -> Result<Self, ImageError> {
        Self::new(width, height, PixelFormat::Rgba8, bytes)
    }

    /// A camera frame in NV12: luma, then chroma as cb and cr in turns. Chroma has half the rows and columns, rounded
    /// up.
    ///
    /// ```
    /// use nestling_core::image::{Image, Plane, YuvColour, YuvMatrix, YuvRange};
    /// // 6x4 pixels whose rows are padded to 8 bytes.
    /// let (luma, chroma) = ([128; 8 * 4], [128; 8 * 2]);
    /// let colour = YuvColour { matrix: YuvMatrix::Bt601, range: YuvRange::Full };
    /// let frame = Image::nv12(6, 4, Plane::new(&luma, 8), Plane::new(&chroma, 8), colour).unwrap();
    /// assert_eq!(frame.value(3, 5, 0, 3), 128.0);
    /// ```
    ///
    /// # Errors
    /// [`ImageError`] if a side is below 2 or above 16,384, a stride is shorter than a row, or a plane is too short.
    pub fn nv12(
        width: u32,
        height: u32,
        luma: Plane<'a>,
        chroma: Plane<'a>,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        Self::frame(width, height, luma, Chroma::Interleaved { plane: chroma, cr_first: false }, colour)
    }

    /// A camera frame in NV21: as [`Image::nv12`], but cr comes before cb.
    ///
    /// # Errors
    /// As [`Image::nv12`].
    pub fn nv21(
        width: u32,
        height: u32,
        luma: Plane<'a>,
        chroma: Plane<'a>,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        Self::frame(width, height, luma, Chroma::Interleaved { plane: chroma, cr_first: true }, colour)
    }

    /// A camera frame in I420: luma, cb and cr in a plane each. Chroma has half the rows and columns, rounded up.
    ///
    /// # Errors
    /// As [`Image::nv12`].
    pub fn i420(
        width: u32,
        height: u32,
        luma: Plane<'a>,
        cb: Plane<'a>,
        cr: Plane<'a>,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        Self::frame(width, height, luma, Chroma::Separate { cb, cr, step: 1 }, colour)
    }

    /// A camera frame as Android gives it (`YUV_420_888`): three planes, whose chroma samples are `pixel_stride` bytes
    /// apart.
    ///
    /// # Errors
    /// As [`Image::nv12`], or if the pixel stride is zero.
    pub fn yuv_420_888(
        width: u32,
        height: u32,
        [luma, cb, cr]: [Plane<'a>; 3],
        pixel_stride: u32,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        Self::frame(width, height, luma, Chroma::Separate { cb, cr, step: pixel_stride }, colour)
    }

    fn frame(
        width: u32,
        height: u32,
        luma: Plane<'a>,
        chroma: Chroma<'a>,
        colour: YuvColour,
    ) -> Result<Self, ImageError> {
        check_size(width, height)?;
        let frame = Yuv420 { luma, chroma, colour };
        frame.check(width, height)?;
        Ok(Self { width, height, pixels: Pixels::Yuv420(frame) })
    }

    /// Columns of pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows of pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The pixels, as they lie in memory.
    pub fn pixels(&self) -> &Pixels<'a> {
        &self.pixels
    }

    /// The value of channel `channel` (of `channels`: 1 or 3) at a pixel, 0 to 255. A grey network reads colour as
    /// Rec. 601 luma, and a frame's own luma. A colour network reads grey as three equal channels. A pixel takes the
    /// nearest chroma sample.
    pub fn value(&self, row: u32, column: u32, channel: u32, channels: u32) -> f64 {
        let pixel = row as usize * self.width as usize + column as usize;
        match self.pixels {
            Pixels::Packed(format, bytes) => {
                let size = format.bytes_per_pixel();
                format.value(&bytes[size * pixel..size * (pixel + 1)], channel, channels)
            }
            Pixels::Yuv420(frame) => frame.value(row, column, channel, channels),
        }
    }

    /// The centred square that a child sees: `centre_fraction` of the shorter side, rounded, and one pixel at least. In
    /// a camera frame it starts at even rows and columns, where a chroma sample does.
    pub fn crop(&self, centre_fraction: f32) -> Crop {
        let step = match self.pixels {
            Pixels::Packed(..) => 1,
            Pixels::Yuv420(_) => 2,
        };
        Crop::centred(self.width, self.height, centre_fraction, step)
    }
}

/// Checks that both sides of an image are ones that [`Image`] takes.
///
/// # Errors
/// [`ImageError::Size`] if one is not.
pub fn check_size(width: u32, height: u32) -> Result<(), ImageError> {
    let sides = Image::MIN_SIDE..=Image::MAX_SIDE;
    if sides.contains(&width) && sides.contains(&height) { Ok(()) } else { Err(ImageError::size(width, height)) }
}

/// A square part of an image, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crop {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Rows and columns.
    pub side: u32,
}

impl Crop {
    /// The centred square that keeps `fraction` of the shorter side and starts at multiples of `step`.
    pub fn centred(width: u32, height: u32, fraction: f32, step: u32) -> Self {
        let shorter = width.min(height).max(1);
        let side = ((f64::from(shorter) * f64::from(fraction)).round() as u32).clamp(1, shorter);
        let start = |length: u32| length.saturating_sub(side) / (2 * step) * step;
        Self { left: start(width), top: start(height), side }
    }
}

/// How pixels become a network's input; stored in the bundle, because it belongs to the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Subtracted from `value / 255`, one number a channel.
    pub means: Vec<f32>,
    /// Divides the difference, one number a channel.
    pub standard_deviations: Vec<f32>,
    /// Share of the shorter side that the centred square keeps, above 0; 1 keeps all of it.
    pub centre_fraction: f32,
}

impl Preprocessing {
    /// Whether there is one finite mean and one positive deviation for each of `channels` channels, and a square to
    /// keep.
    pub fn fits(&self, channels: u32) -> bool {
        let count = channels as usize;
        (self.means.len(), self.standard_deviations.len()) == (count, count)
            && self.means.iter().all(|mean| mean.is_finite())
            && self.standard_deviations.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0)
            && self.centre_fraction > 0.0
            && self.centre_fraction <= 1.0
    }
}
