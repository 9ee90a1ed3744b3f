use serde::{Deserialize, Serialize};

/// How the bytes of an [`Image`] are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PixelFormat {
    /// One byte a pixel.
    Grey8,
    /// Red, green, blue, alpha (ignored): four bytes a pixel.
    Rgba8,
}

impl PixelFormat {
    /// Bytes of one pixel.
    pub fn bytes_per_pixel(self) -> usize {
        match self {
            Self::Grey8 => 1,
            Self::Rgba8 => 4,
        }
    }
}

/// A borrowed 8-bit image, rows from top to bottom without gaps.
#[derive(Clone, Copy, Debug)]
pub struct Image<'a> {
    width: u32,
    height: u32,
    format: PixelFormat,
    bytes: &'a [u8],
}

/// Why an image cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// A side is zero or absurd.
    #[error("an image of {width}x{height} pixels: each side must be between 1 and {largest}")]
    Size {
        /// Given width in pixels.
        width: u32,
        /// Given height in pixels.
        height: u32,
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
}

/// Largest side of an image in pixels.
const LARGEST_SIDE: u32 = 16_384;

impl<'a> Image<'a> {
    /// Borrows pixels as an image.
    ///
    /// ```
    /// use nestling::input::{Image, PixelFormat};
    /// assert!(Image::new(28, 28, PixelFormat::Grey8, &[0; 784]).is_ok());
    /// let error = Image::new(28, 28, PixelFormat::Grey8, &[0; 100]).unwrap_err();
    /// assert!(error.to_string().contains("784 bytes, but 100 were given"));
    /// ```
    ///
    /// # Errors
    /// [`ImageError`] if a side is zero or above 16,384, or the bytes are not exactly `width * height` pixels.
    pub fn new(width: u32, height: u32, format: PixelFormat, bytes: &'a [u8]) -> Result<Self, ImageError> {
        if !(1..=LARGEST_SIDE).contains(&width) || !(1..=LARGEST_SIDE).contains(&height) {
            return Err(ImageError::Size { width, height, largest: LARGEST_SIDE });
        }
        let expected = width as usize * height as usize * format.bytes_per_pixel();
        if bytes.len() != expected {
            return Err(ImageError::Length { width, height, format, expected, given: bytes.len() });
        }
        Ok(Self { width, height, format, bytes })
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

    /// Columns of pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Rows of pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// How the bytes are ordered.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// The pixels.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The value of channel `channel` (of `channels`: 1 or 3) at a pixel, 0 to 255. A grey network reads colour as
    /// Rec. 601 luma; a colour network reads grey as three equal channels.
    pub fn value(&self, row: u32, column: u32, channel: u32, channels: u32) -> f64 {
        let pixel = row as usize * self.width as usize + column as usize;
        match self.format {
            PixelFormat::Grey8 => f64::from(self.bytes[pixel]),
            PixelFormat::Rgba8 if channels == 1 => {
                let part = |i: usize| f64::from(self.bytes[4 * pixel + i]);
                0.299 * part(0) + 0.587 * part(1) + 0.114 * part(2)
            }
            PixelFormat::Rgba8 => f64::from(self.bytes[4 * pixel + channel as usize]),
        }
    }

    /// The centred square that a child sees.
    pub fn crop(&self) -> Crop {
        let side = self.width.min(self.height);
        Crop { left: (self.width - side) / 2, top: (self.height - side) / 2, side }
    }
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

/// How pixels become a network's input; stored in the bundle, for it belongs to the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Subtracted from `value / 255`, one number a channel.
    pub means: Vec<f32>,
    /// Divides the difference, one number a channel.
    pub standard_deviations: Vec<f32>,
}

impl Preprocessing {
    /// Whether there is one finite mean and one positive deviation for each of `channels` channels.
    pub fn fits(&self, channels: u32) -> bool {
        let count = channels as usize;
        (self.means.len(), self.standard_deviations.len()) == (count, count)
            && self.means.iter().all(|mean| mean.is_finite())
            && self.standard_deviations.iter().all(|deviation| deviation.is_finite() && *deviation > 0.0)
    }
}
