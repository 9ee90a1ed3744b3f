use crate::image::{Image, PixelFormat};

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
         height and format, and give the stride of rows with padding"
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
    /// A number that is no EXIF orientation.
    #[error("EXIF orientation {number}: give 1 to 8, or 1 where a file does not say")]
    ExifOrientation {
        /// Given number.
        number: u16,
    },
    /// A turn that leaves rows and columns aslant.
    #[error("a rotation by {degrees} degrees: give a multiple of 90")]
    Rotation {
        /// Given angle.
        degrees: i32,
    },
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
            Self::ExifOrientation { .. } => "image_exif_orientation",
            Self::Rotation { .. } => "image_rotation",
        }
    }

    pub(super) fn size(width: u32, height: u32) -> Self {
        Self::Size { width, height, smallest: Image::MIN_SIDE, largest: Image::MAX_SIDE }
    }
}
