use crate::format::{Format, recognise};
use crate::rows::Rows;
use crate::{PictureError, PictureOptions, header, jpeg, options, png, webp};
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage, RgbaImage};
use nestling_core::image::{Image, PixelFormat};
use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::Path;

/// An image that owns its pixels, read from a JPEG, PNG or WebP file and turned upright.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    format: PixelFormat,
    bytes: Vec<u8>,
}

impl Picture {
    /// Most pixels on a side of a picture's centred square. Larger ones are halved until they fit.
    pub const MAX_SQUARE: u32 = options::MAX_SQUARE;

    /// Reads a file with the default options; see [`Picture::decode`].
    ///
    /// # Errors
    /// [`PictureError::Open`] if the file cannot be read, [`PictureError::InFile`] if it is not a picture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PictureError> {
        Self::open_with(path, &PictureOptions::default())
    }

    /// Reads a file; see [`Picture::decode`].
    ///
    /// # Errors
    /// As [`Picture::open`].
    pub fn open_with(path: impl AsRef<Path>, options: &PictureOptions) -> Result<Self, PictureError> {
        let path = path.as_ref();
        let bytes = File::open(path)
            .and_then(|file| read(file, options))
            .map_err(|source| PictureError::Open { path: path.to_owned(), source })?;
        Self::decode_with(&bytes, options)
            .map_err(|source| PictureError::InFile { path: path.to_owned(), source: Box::new(source) })
    }

    /// Decodes a file with the default options: JPEG, PNG or WebP, whichever it is by its first bytes, of any bit
    /// depth.
    ///
    /// The picture is turned upright by its EXIF tag. Grey stays grey, 16 bits become 8. Transparent pixels are shown
    /// on [`PictureOptions::background`]. The first image of an animation is read.
    ///
    /// Only the centred square of an image is ever classified. Where it has more than [`PictureOptions::max_square`] pixels
    /// a side, every 2x2, 4x4 or more pixels become their mean; where a side is still longer than
    /// [`Image::MAX_SIDE`], as many pixels go at both ends.
    ///
    /// A file without its end, or with other bytes behind it, is accepted if all its pixels are there.
    ///
    /// # Errors
    /// [`PictureError`] if the bytes are another format, cut off, damaged or too large; nothing larger than they can
    /// hold is set aside.
    pub fn decode(bytes: &[u8]) -> Result<Self, PictureError> {
        Self::decode_with(bytes, &PictureOptions::default())
    }

    /// Decodes a file; see [`Picture::decode`].
    ///
    /// # Errors
    /// As [`Picture::decode`].
    pub fn decode_with(bytes: &[u8], options: &PictureOptions) -> Result<Self, PictureError> {
        check_length(bytes.len() as u64, options)?;
        let (rows, orientation) = match recognise(bytes)? {
            Format::Jpeg => jpeg::decode(bytes, options)?,
            Format::Png => png::decode(bytes, options)?,
            Format::WebP => webp::decode(bytes, options)?,
        };
        Ok(Self::upright(rows, orientation))
    }

    /// Reads only the header of a file: the width and height that its picture will have.
    ///
    /// The pixels are neither read nor kept in memory, unless the file is a pipe.
    ///
    /// # Errors
    /// As [`Picture::open`]; but a file may be damaged behind its header.
    pub fn read_size(path: impl AsRef<Path>, options: &PictureOptions) -> Result<(u32, u32), PictureError> {
        let path = path.as_ref();
        let unread = |source| PictureError::Open { path: path.to_owned(), source };
        let file = File::open(path).map_err(unread)?;
        let metadata = file.metadata().map_err(unread)?;
        let size = if metadata.is_file() && metadata.len() > 0 {
            let length = check_length(metadata.len(), options);
            length.map(|()| header::size(&mut BufReader::new(file), metadata.len(), options))
        } else {
            // A pipe, or a file of the system without a length, can be read only once.
            let bytes = read(file, options).map_err(unread)?;
            let length = check_length(bytes.len() as u64, options);
            length.map(|()| header::size(&mut Cursor::new(&bytes), bytes.len() as u64, options))
        };
        let in_file = |source| PictureError::InFile { path: path.to_owned(), source: Box::new(source) };
        size.map_err(in_file)?.map_err(unread)?.map_err(in_file)
    }

    /// About the bytes of memory that [`Picture::decode_with`] takes beside the file, by the header of the file. `None`
    /// if the header is faulty.
    ///
    /// ```
    /// # use nestling_pictures::{Picture, PictureOptions};
    /// assert_eq!(Picture::decoding_bytes(b"no picture", &PictureOptions::default()), None);
    /// ```
    pub fn decoding_bytes(bytes: &[u8], options: &PictureOptions) -> Option<u64> {
        check_length(bytes.len() as u64, options).ok()?;
        let plan = header::plan(&mut Cursor::new(bytes), bytes.len() as u64, options).ok()?;
        plan.ok().map(|(plan, _)| plan.memory)
    }

    fn upright(rows: Rows, orientation: Orientation) -> Self {
        let (width, height, format, bytes) = rows.finish();
        if orientation == Orientation::NoTransforms {
            return Self { width, height, format, bytes };
        }
        let image = match format {
            PixelFormat::Grey8 => GrayImage::from_raw(width, height, bytes).map(DynamicImage::from),
            PixelFormat::Rgb8 => RgbImage::from_raw(width, height, bytes).map(DynamicImage::from),
            // Turning does not look at the order of the channels.
            PixelFormat::Rgba8 | PixelFormat::Bgra8 => {
                RgbaImage::from_raw(width, height, bytes).map(DynamicImage::from)
            }
        };
        // There are exactly as many bytes as pixels: all rows were pushed.
        let mut image = image.unwrap_or_default();
        image.apply_orientation(orientation);
        Self { width: image.width(), height: image.height(), format, bytes: image.into_bytes() }
    }

    /// The pixels, borrowed.
    pub fn image(&self) -> Image<'_> {
        // The header's sides were checked; halving, cutting and turning keep them within bounds.
        Image::of_checked(self.width, self.height, self.format, &self.bytes)
    }
}

fn check_length(bytes: u64, options: &PictureOptions) -> Result<(), PictureError> {
    let limit = options.max_bytes;
    if bytes > limit { Err(PictureError::FileTooLarge { limit }) } else { Ok(()) }
}

/// The bytes of a file: one more than allowed, if it has more.
fn read(file: File, options: &PictureOptions) -> io::Result<Vec<u8>> {
    if file.metadata()?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let mut bytes = Vec::new();
    file.take(options.max_bytes.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
