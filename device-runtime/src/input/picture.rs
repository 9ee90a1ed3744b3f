use super::{Image, ImageError, PixelFormat};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

/// Most bytes that a decoder may set aside: a file of a few bytes can claim to be huge.
const MOST_BYTES: usize = 64 << 20;

/// An image that owns its pixels, read from a PNG file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    format: PixelFormat,
    bytes: Vec<u8>,
}

/// Why a PNG file cannot be used.
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
    /// No PNG, damaged, or too large.
    #[error("cannot decode picture {path}: {problem}; give a PNG file of at most 64 MiB of pixels")]
    Decode {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl Picture {
    /// Reads a PNG file: grey, palette or colour, of any bit depth; transparency is ignored.
    ///
    /// # Errors
    /// [`PictureError`] if the file is missing, no PNG, cut off, or larger than 64 MiB of pixels.
    pub fn open_png(path: impl AsRef<Path>) -> Result<Self, PictureError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|source| PictureError::Open { path: path.to_owned(), source })?;
        Self::decode(BufReader::new(file))
            .map_err(|problem| PictureError::Decode { path: path.to_owned(), problem: problem.to_string() })
    }

    fn decode(file: BufReader<File>) -> Result<Self, Box<dyn std::error::Error>> {
        let mut decoder = png::Decoder::new_with_limits(file, png::Limits { bytes: MOST_BYTES });
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info()?;
        let size = reader.output_buffer_size().filter(|&size| size <= MOST_BYTES).ok_or("it is too large")?;
        let mut decoded = vec![0; size];
        let frame = reader.next_frame(&mut decoded)?;
        decoded.truncate(frame.buffer_size());
        let opaque = |rgb: &[u8]| [rgb[0], rgb[1], rgb[2], 255];
        let (format, bytes) = match frame.color_type {
            png::ColorType::Grayscale => (PixelFormat::Grey8, decoded),
            png::ColorType::GrayscaleAlpha => (PixelFormat::Grey8, decoded.iter().step_by(2).copied().collect()),
            png::ColorType::Rgb => (PixelFormat::Rgba8, decoded.chunks_exact(3).flat_map(opaque).collect()),
            png::ColorType::Rgba => (PixelFormat::Rgba8, decoded),
            png::ColorType::Indexed => return Err("its palette could not be expanded".into()),
        };
        Ok(Self { width: frame.width, height: frame.height, format, bytes })
    }

    /// The pixels, borrowed.
    ///
    /// # Errors
    /// [`ImageError::Size`] if a side is above the largest that an [`Image`] may have.
    pub fn image(&self) -> Result<Image<'_>, ImageError> {
        Image::new(self.width, self.height, self.format, &self.bytes)
    }
}
