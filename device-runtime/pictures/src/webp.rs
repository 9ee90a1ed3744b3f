//! WebP files. The first frame of an animation is read.

use crate::plan::Plan;
use crate::rows::{Rows, Samples};
use crate::{PictureError, PictureOptions, error::decoder_says, exif};
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder};
use std::borrow::Cow;
use std::io::{Cursor, ErrorKind, Read, Seek, SeekFrom};

const FORMAT: &str = "WebP";
/// Bytes that decoding takes for a pixel: what is decoded, and what that is decoded from.
const PIXEL_BYTES: u64 = 8;
/// The same for a frame of an animation, which is put on a canvas.
const ANIMATED_PIXEL_BYTES: u64 = 12;
/// `RIFF`, the length and `WEBP`.
const HEAD_BYTES: u64 = 12;
/// In the flags of an extended file: metadata of both kinds is there; it is an animation.
const METADATA_FLAGS: u8 = 0x08 | 0x04;
const ANIMATION_FLAG: u8 = 0x02;

/// Where the parts of a file are.
#[derive(Debug, Default)]
struct Layout {
    sides: Option<(u32, u32)>,
    is_animated: bool,
    /// Where the flags of an extended file are.
    flags_at: Option<usize>,
    /// Where the chunk of the (first) image ends, if the file has it.
    pixels_end: Option<u64>,
    exif: Option<Vec<u8>>,
}

impl Layout {
    /// Goes from chunk to chunk up to the end, or to where the file is cut off, without the pixels.
    fn read(file: &mut (impl Read + Seek)) -> Self {
        let (mut layout, mut at) = (Self::default(), HEAD_BYTES);
        if file.seek(SeekFrom::Start(at)).is_err() {
            return layout;
        }
        while let Some((name, length)) = next_chunk(file) {
            let mut taken = 0;
            let mut content = |file: &mut _, length| {
                let content = content(file, length);
                taken = content.len() as i64;
                content
            };
            match &name {
                b"VP8X" => layout.take_head(&name, &content(file, length.min(10)), at),
                b"VP8 " | b"VP8L" | b"ANMF" if layout.pixels_end.is_none() => {
                    layout.take_head(&name, &content(file, length.min(10)), at);
                    layout.pixels_end = Some(at + 8 + length);
                }
                b"EXIF" if layout.exif.is_none() => layout.exif = Some(content(file, length)),
                _ => {}
            }
            // Chunks have an even number of bytes.
            let length = length.next_multiple_of(2);
            at += 8 + length;
            // Within what a reader has buffered, this reads nothing again.
            if file.seek_relative(length as i64 - taken).is_err() {
                break;
            }
        }
        layout
    }

    /// Takes the sides from the first bytes of a chunk.
    fn take_head(&mut self, name: &[u8; 4], head: &[u8], at: u64) {
        let sides = match (name, head) {
            (b"VP8X", &[flags, _, _, _, w1, w2, w3, h1, h2, h3, ..]) => {
                self.is_animated = flags & ANIMATION_FLAG != 0;
                self.flags_at = Some(at as usize + 8);
                Some((u32::from_le_bytes([w1, w2, w3, 0]) + 1, u32::from_le_bytes([h1, h2, h3, 0]) + 1))
            }
            (b"VP8L", &[0x2f, b1, b2, b3, b4, ..]) => {
                let bits = u32::from_le_bytes([b1, b2, b3, b4]);
                Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
            }
            (b"VP8 ", &[_, _, _, 0x9d, 0x01, 0x2a, w1, w2, h1, h2, ..]) => {
                let side = |low: u8, high: u8| u32::from(u16::from_le_bytes([low, high]) & 0x3fff);
                Some((side(w1, w2), side(h1, h2)))
            }
            _ => None,
        };
        self.sides = self.sides.or(sides);
    }

    /// The plan for the picture, checked before anything is set aside for it.
    fn plan(&self, file_bytes: u64, options: &PictureOptions) -> Result<Plan, PictureError> {
        let (width, height) = self.sides.ok_or_else(|| match self.pixels_end {
            Some(end) if end <= file_bytes => {
                PictureError::Damaged { format: FORMAT, problem: "its header makes no sense".to_owned() }
            }
            _ => cut_off(file_bytes),
        })?;
        let pixel_bytes = if self.is_animated { ANIMATED_PIXEL_BYTES } else { PIXEL_BYTES };
        let bytes = pixel_bytes * u64::from(width) * u64::from(height);
        Plan::fitting((width, height), options, |_, picture| (bytes + picture).max(2 * picture))
    }

    /// The tag may be missing, or be damaged: it is no pixel.
    fn orientation(&self) -> Orientation {
        self.exif.as_deref().and_then(exif::orientation).unwrap_or(Orientation::NoTransforms)
    }
}

/// Name and length of the chunk that begins here.
fn next_chunk(file: &mut impl Read) -> Option<([u8; 4], u64)> {
    let mut head = [0; 8];
    file.read_exact(&mut head).ok()?;
    let [n1, n2, n3, n4, length @ ..] = head;
    Some(([n1, n2, n3, n4], u64::from(u32::from_le_bytes(length))))
}

/// Up to so many bytes from here.
fn content(file: &mut impl Read, length: u64) -> Vec<u8> {
    let mut content = Vec::new();
    // An error shows as bytes that are missing.
    let _ = file.take(length).read_to_end(&mut content);
    content
}

/// Sides of the picture before it is turned upright, and how it is to be turned. Nothing of the pixels is read.
///
/// # Errors
/// A fault in the file.
pub fn size(
    file: &mut (impl Read + Seek),
    file_bytes: u64,
    options: &PictureOptions,
) -> Result<(Plan, Orientation), PictureError> {
    let layout = Layout::read(file);
    Ok((layout.plan(file_bytes, options)?, layout.orientation()))
}

/// Decodes a file whose pixels are all there: those of the first frame of an animation. The data behind them may be
/// missing.
pub fn decode(bytes: &[u8], options: &PictureOptions) -> Result<(Rows, Orientation), PictureError> {
    let layout = Layout::read(&mut Cursor::new(bytes));
    // Decoders fill in what is missing.
    let pixels_end = layout.pixels_end.and_then(|end| usize::try_from(end).ok()).filter(|&end| end <= bytes.len());
    let image = &bytes[..pixels_end.ok_or_else(|| cut_off(bytes.len() as u64))?];
    let plan = layout.plan(bytes.len() as u64, options)?;
    let mut file = Cow::Borrowed(image);
    // The decoder insists on metadata that are announced; they stand behind the pixels.
    if let Some(at) = layout.flags_at.filter(|&at| image.get(at).is_some_and(|flags| flags & METADATA_FLAGS != 0)) {
        file.to_mut()[at] &= !METADATA_FLAGS;
    }
    let decoder = WebPDecoder::new(Cursor::new(file)).map_err(fault(bytes))?;
    let channels = if decoder.color_type() == ColorType::Rgba8 { 4 } else { 3 };
    let (width, height) = decoder.dimensions();
    if layout.sides != Some((width, height)) {
        return Err(PictureError::Damaged { format: FORMAT, problem: "it has two sizes".to_owned() });
    }
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).map_err(fault(bytes))?;
    let mut rows = Rows::new(plan, Samples::bytes(channels), options);
    pixels.chunks_exact(width as usize * channels).for_each(|row| rows.push(row));
    Ok((rows, layout.orientation()))
}

fn cut_off(file_bytes: u64) -> PictureError {
    PictureError::CutOff { format: FORMAT, bytes: usize::try_from(file_bytes).unwrap_or(usize::MAX) }
}

fn fault(bytes: &[u8]) -> impl Fn(image::ImageError) -> PictureError {
    let bytes = bytes.len() as u64;
    move |error| match error {
        image::ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => cut_off(bytes),
        error => PictureError::Damaged { format: FORMAT, problem: decoder_says(&error) },
    }
}
