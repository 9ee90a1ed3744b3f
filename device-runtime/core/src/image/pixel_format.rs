use serde::{Deserialize, Serialize};

/// Rec. 601 luma of red, green and blue.
pub const LUMA: [f64; 3] = [0.299, 0.587, 0.114];

crate::listed_enum! {
    /// How the bytes of an [`Image`](super::Image) without planes are ordered.
    ///
    /// To add a format, append its variant, write its row and its arm of `PixelFormat::value`. Append only: files and
    /// kernels hold a variant's number.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum PixelFormat {
        /// One byte a pixel.
        Grey8,
        /// Red, green, blue, alpha (ignored): four bytes a pixel.
        Rgba8,
        /// Blue, green, red, alpha (ignored): four bytes a pixel.
        Bgra8,
        /// Red, green, blue: three bytes a pixel.
        Rgb8,
    }
}

/// The facts of a pixel format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelFormatRow {
    /// Bytes of one pixel, 1 to 4.
    pub bytes: u32,
    /// Which of them are red, green and blue.
    pub colour: [u32; 3],
    /// Whether the one channel that a grey network reads is Rec. 601 luma; otherwise it is red.
    pub has_colour: bool,
}

impl PixelFormat {
    /// Its row.
    pub const fn row(self) -> PixelFormatRow {
        match self {
            Self::Grey8 => PixelFormatRow { bytes: 1, colour: [0, 0, 0], has_colour: false },
            Self::Rgba8 => PixelFormatRow { bytes: 4, colour: [0, 1, 2], has_colour: true },
            Self::Bgra8 => PixelFormatRow { bytes: 4, colour: [2, 1, 0], has_colour: true },
            Self::Rgb8 => PixelFormatRow { bytes: 3, colour: [0, 1, 2], has_colour: true },
        }
    }

    /// Bytes of one pixel.
    pub const fn bytes_per_pixel(self) -> usize {
        self.row().bytes as usize
    }

    /// Bytes of a row without padding.
    pub const fn row_bytes(self, width: u32) -> u32 {
        self.row().bytes * width
    }

    /// Channel `channel` (of `channels`: 1 or 3) of one pixel, 0 to 255; a grey network reads colour as Rec. 601 luma.
    pub(super) fn value(self, pixel: &[u8], channel: u32, channels: u32) -> f64 {
        let colour = match self {
            Self::Grey8 => return f64::from(pixel[0]),
            Self::Rgba8 | Self::Rgb8 => [pixel[0], pixel[1], pixel[2]],
            Self::Bgra8 => [pixel[2], pixel[1], pixel[0]],
        }
        .map(f64::from);
        match channels {
            1 => LUMA.iter().zip(colour).map(|(factor, value)| factor * value).sum(),
            _ => colour[channel as usize],
        }
    }
}
