use serde::{Deserialize, Serialize};

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
    }
}

/// The facts of a pixel format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelFormatRow {
    /// Bytes of one pixel.
    pub bytes: usize,
    /// A WGSL expression of `pixel`, its index: red, green and blue as `vec3<f32>`, 0 to 255. It may read the words of
    /// `image` and call `byte(index)`.
    pub wgsl_colour: &'static str,
    /// A WGSL expression of `colour`: the one channel that a grey network reads.
    pub wgsl_luma: &'static str,
}

impl PixelFormat {
    /// Its row.
    pub const fn row(self) -> PixelFormatRow {
        match self {
            Self::Grey8 => PixelFormatRow { bytes: 1, wgsl_colour: "vec3<f32>(byte(pixel))", wgsl_luma: "colour.x" },
            Self::Rgba8 => PixelFormatRow {
                bytes: 4,
                wgsl_colour: "vec3<f32>((vec3<u32>(image[pixel]) >> vec3<u32>(0u, 8u, 16u)) & vec3<u32>(255u))",
                wgsl_luma: "dot(colour, vec3<f32>(0.299, 0.587, 0.114))",
            },
        }
    }

    /// The number that kernels know it by.
    pub const fn number(self) -> u32 {
        self as u32
    }

    /// Bytes of one pixel.
    pub const fn bytes_per_pixel(self) -> usize {
        self.row().bytes
    }

    /// Channel `channel` (of `channels`: 1 or 3) of one pixel, 0 to 255; a grey network reads colour as Rec. 601 luma.
    pub(super) fn value(self, pixel: &[u8], channel: u32, channels: u32) -> f64 {
        let byte = |index: usize| f64::from(pixel[index]);
        match self {
            Self::Grey8 => byte(0),
            Self::Rgba8 if channels == 1 => 0.299 * byte(0) + 0.587 * byte(1) + 0.114 * byte(2),
            Self::Rgba8 => byte(channel as usize),
        }
    }
}
