use image::codecs::{jpeg::JpegDecoder, png::PngDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, Limits, Pixel};
use nestling_core::image::{Image, ImageError, PixelFormat, check_size};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

/// Most bytes of a file, and of the pixels in it: enough for the largest phone cameras.
const MAX_BYTES: u64 = 512 << 20;
/// Pictures whose centred square is larger are halved until it is not: 64 MiB on the GPU are what every adapter binds.
const MAX_SQUARE: u32 = 4096;

/// An image that owns its pixels, read from a JPEG or PNG file and turned upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    format: PixelFormat,
    bytes: Vec<u8>,
}

/// Why a file is no picture.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PictureError {
    /// The file cannot be read at all.
    #[error("cannot open picture {path}: {source}; check the path")]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is in it is no picture.
    #[error("cannot decode picture {path}: {source}")]
    Decode {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        source: DecodeError,
    },
}

/// Why bytes are no picture.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Another format, or none.
    #[error("it is neither a JPEG nor a PNG file; convert it to one of them")]
    Format,
    /// The end is missing.
    #[error("the {format} file is cut off after {bytes} bytes; copy or download it again")]
    CutOff {
        /// JPEG or PNG.
        format: &'static str,
        /// Bytes that are there.
        bytes: usize,
    },
    /// A side is too small or too large.
    #[error(transparent)]
    Size(#[from] ImageError),
    /// It claims more pixels than so few bytes can hold.
    #[error("a {format} file of {bytes} bytes cannot hold {width}x{height} pixels; it is damaged, or made to do harm")]
    Implausible {
        /// JPEG or PNG.
        format: &'static str,
        /// Bytes of the file.
        bytes: usize,
        /// Claimed width in pixels.
        width: u32,
        /// Claimed height in pixels.
        height: u32,
    },
    /// It needs too much memory.
    #[error("its {width}x{height} pixels take {bytes} bytes, at most {limit} are decoded; shrink it")]
    TooLarge {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Bytes of the decoded pixels.
        bytes: u64,
        /// Most bytes.
        limit: u64,
    },
    /// The decoder gave up.
    #[error("the {format} file is damaged or of a kind that is not supported: {problem}; save it again")]
    Damaged {
        /// JPEG or PNG.
        format: &'static str,
        /// What the decoder said.
        problem: String,
    },
}

impl Picture {
    /// Reads a JPEG or PNG file; see [`Picture::decode`].
    ///
    /// # Errors
    /// [`PictureError::Open`] if the file cannot be read, [`PictureError::Decode`] if it is no picture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PictureError> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
            .map_err(|source| PictureError::Open { path: path.to_owned(), source })?;
        Self::decode(&bytes).map_err(|source| PictureError::Decode { path: path.to_owned(), source })
    }

    /// Decodes a JPEG or PNG file, whichever it is by its first bytes: grey, palette or colour, of any bit depth.
    ///
    /// The picture is turned upright by its EXIF tag. Grey stays grey, 16 bits become 8, transparency is ignored. Where
    /// the centred square has more than 4096 pixels a side, every 2x2 pixels become their mean, until it has not.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes are another format, cut off, damaged or too large; nothing larger than they can
    /// hold is set aside.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let decoded = match image::guess_format(bytes) {
            Ok(ImageFormat::Jpeg) => decode_jpeg(bytes)?,
            Ok(ImageFormat::Png) => decode_png(bytes)?,
            _ => return Err(DecodeError::Format),
        };
        Ok(Self::upright(decoded))
    }

    /// Halves first: what follows then has less to copy.
    fn upright((decoded, orientation): (DynamicImage, Orientation)) -> Self {
        let is_grey = !decoded.color().has_color();
        let mut image = if is_grey {
            DynamicImage::ImageLuma8(halved(decoded.into_luma8()))
        } else {
            DynamicImage::ImageRgb8(halved(decoded.into_rgb8()))
        };
        image.apply_orientation(orientation);
        let (width, height) = (image.width(), image.height());
        let (format, bytes) = if is_grey {
            (PixelFormat::Grey8, image.into_luma8().into_raw())
        } else {
            (PixelFormat::Rgba8, image.into_rgba8().into_raw())
        };
        Self { width, height, format, bytes }
    }

    /// The pixels, borrowed.
    ///
    /// # Errors
    /// None today: the sides were checked when the picture was decoded.
    pub fn image(&self) -> Result<Image<'_>, ImageError> {
        Image::new(self.width, self.height, self.format, &self.bytes)
    }
}

fn decode_jpeg(bytes: &[u8]) -> Result<(DynamicImage, Orientation), DecodeError> {
    let format = "JPEG";
    // The decoder would fill what is missing with grey.
    if !jpeg_ends(bytes) {
        return Err(DecodeError::CutOff { format, bytes: bytes.len() });
    }
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(damaged(format))?;
    // A block of 8x8 pixels takes one bit at least; twice that, for subsampled components of odd shapes.
    check(&decoder, format, bytes, 8 * 64 * 2)?;
    let orientation = decoder.orientation().map_err(damaged(format))?;
    Ok((DynamicImage::from_decoder(decoder).map_err(damaged(format))?, orientation))
}

fn decode_png(bytes: &[u8]) -> Result<(DynamicImage, Orientation), DecodeError> {
    let format = "PNG";
    if !png_chunks(bytes).any(|(name, _)| name == b"IEND") {
        return Err(DecodeError::CutOff { format, bytes: bytes.len() });
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), limits).map_err(damaged(format))?;
    // Deflate shrinks to 1/1032 at best, and a pixel may be one bit.
    check(&decoder, format, bytes, 8 * 1032)?;
    // The decoder does not look behind the pixels, where some programs put it.
    let orientation = png_chunks(bytes)
        .find(|(name, _)| name == b"eXIf")
        .and_then(|(_, exif)| Orientation::from_exif_chunk(exif))
        .unwrap_or(Orientation::NoTransforms);
    Ok((DynamicImage::from_decoder(decoder).map_err(damaged(format))?, orientation))
}

fn damaged(format: &'static str) -> impl Fn(image::ImageError) -> DecodeError {
    move |error| DecodeError::Damaged { format, problem: error.to_string() }
}

/// Refuses a header before anything is set aside for what it claims.
fn check(
    decoder: &impl ImageDecoder,
    format: &'static str,
    bytes: &[u8],
    pixels_per_byte: u64,
) -> Result<(), DecodeError> {
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if u64::from(width) * u64::from(height) > bytes.len() as u64 * pixels_per_byte {
        return Err(DecodeError::Implausible { format, bytes: bytes.len(), width, height });
    }
    match decoder.total_bytes() {
        bytes if bytes > MAX_BYTES => Err(DecodeError::TooLarge { width, height, bytes, limit: MAX_BYTES }),
        _ => Ok(()),
    }
}

/// Whether a JPEG file has its end marker; that of a thumbnail inside a segment does not count.
fn jpeg_ends(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (0xff, [0xd9, ..]) => return true,
            // A stuffed byte, or a marker that stands alone.
            (0xff, [0x00 | 0x01 | 0xd0..=0xd7, after @ ..]) => after,
            // Fill bytes may precede a marker.
            (0xff, [0xff, ..]) => after,
            (0xff, [_, high, low, ..]) => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                after.get(1 + length..).unwrap_or_default()
            }
            _ => after,
        };
    }
    false
}

/// Names and contents of a PNG file's chunks, as far as they are complete.
fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let (name, after) = after.split_at_checked(4)?;
        let (content, after) = after.split_at_checked(length)?;
        rest = after.get(4..)?; // behind the checksum
        Some((name, content))
    })
}

fn halved<P: Pixel<Subpixel = u8>>(mut image: ImageBuffer<P, Vec<u8>>) -> ImageBuffer<P, Vec<u8>> {
    while image.width().min(image.height()) > MAX_SQUARE {
        image = ImageBuffer::from_fn(image.width() / 2, image.height() / 2, |x, y| {
            let four =
                [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(right, down)| image.get_pixel(2 * x + right, 2 * y + down));
            let mut mean = *four[0];
            for (channel, value) in mean.channels_mut().iter_mut().enumerate() {
                let sum: u16 = four.iter().map(|pixel| u16::from(pixel.channels()[channel])).sum();
                *value = ((sum + 2) / 4) as u8;
            }
            mean
        });
    }
    image
}

#[cfg(test)]
mod tests;
