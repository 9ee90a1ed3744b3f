use crate::PictureError;
use image::codecs::{jpeg::JpegDecoder, png::PngDecoder};
use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageFormat, Limits, Pixel};
use nestling_core::image::{Image, PixelFormat, check_size};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

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

impl Picture {
    /// Reads a JPEG or PNG file; see [`Picture::decode`].
    ///
    /// # Errors
    /// [`PictureError::Open`] if the file cannot be read, [`PictureError::InFile`] if it is not a picture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PictureError> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
            .map_err(|source| PictureError::Open { path: path.to_owned(), source })?;
        Self::decode(&bytes).map_err(|source| PictureError::InFile { path: path.to_owned(), source: Box::new(source) })
    }

    /// Decodes a JPEG or PNG file, whichever it is by its first bytes: grey, palette or colour, of any bit depth.
    ///
    /// The picture is turned upright by its EXIF tag. Grey stays grey, 16 bits become 8, transparency is ignored. Where
    /// the centred square has more than 4096 pixels a side, every 2x2 pixels become their mean, until it has not.
    ///
    /// # Errors
    /// [`PictureError`] if the bytes are another format, cut off, damaged or too large; nothing larger than they can
    /// hold is set aside.
    pub fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        let decoded = match image::guess_format(bytes) {
            Ok(ImageFormat::Jpeg) => decode_jpeg(bytes)?,
            Ok(ImageFormat::Png) => decode_png(bytes)?,
            _ => return Err(PictureError::Format),
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
    pub fn image(&self) -> Image<'_> {
        // The decoder checked the sides; halving and turning keep them within bounds.
        Image::of_checked(self.width, self.height, self.format, &self.bytes)
    }
}

fn decode_jpeg(bytes: &[u8]) -> Result<(DynamicImage, Orientation), PictureError> {
    let format = "JPEG";
    // The decoder would fill what is missing with grey.
    if !jpeg_ends(bytes) {
        return Err(PictureError::CutOff { format, bytes: bytes.len() });
    }
    let mut decoder = JpegDecoder::new(Cursor::new(bytes)).map_err(damaged(format))?;
    // A block of 8x8 pixels takes one bit at least; twice that, for subsampled components of odd shapes.
    check(&decoder, format, bytes, 8 * 64 * 2)?;
    let orientation = decoder.orientation().map_err(damaged(format))?;
    Ok((DynamicImage::from_decoder(decoder).map_err(damaged(format))?, orientation))
}

fn decode_png(bytes: &[u8]) -> Result<(DynamicImage, Orientation), PictureError> {
    let format = "PNG";
    if !png_chunks(bytes).any(|(name, _)| name == b"IEND") {
        return Err(PictureError::CutOff { format, bytes: bytes.len() });
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

fn damaged(format: &'static str) -> impl Fn(image::ImageError) -> PictureError {
    move |error| PictureError::Damaged { format, problem: error.to_string() }
}

/// Refuses a header before anything is set aside for what it claims.
fn check(
    decoder: &impl ImageDecoder,
    format: &'static str,
    bytes: &[u8],
    pixels_per_byte: u64,
) -> Result<(), PictureError> {
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    if u64::from(width) * u64::from(height) > bytes.len() as u64 * pixels_per_byte {
        return Err(PictureError::Implausible { format, bytes: bytes.len(), width, height });
    }
    match decoder.total_bytes() {
        bytes if bytes > MAX_BYTES => Err(PictureError::TooLarge { width, height, bytes, limit: MAX_BYTES }),
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
