//! WebP files. The first frame of an animation is read.

use crate::plan::Plan;
use crate::rows::{Rows, Samples};
use crate::{PictureError, PictureOptions, error::decoder_says};
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder};
use std::io::{Cursor, ErrorKind};

const FORMAT: &str = "WebP";
/// Bytes that decoding takes for a pixel: what is decoded, and what that is decoded from.
const PIXEL_BYTES: u64 = 8;
/// The same for a frame of an animation, which is put on a canvas.
const ANIMATED_PIXEL_BYTES: u64 = 12;

type File<'a> = WebPDecoder<Cursor<&'a [u8]>>;

/// Reads the header and checks it before anything is set aside for the pixels.
fn open<'a>(bytes: &'a [u8], options: &PictureOptions) -> Result<(File<'a>, Plan), PictureError> {
    if !has_pixels(bytes) {
        return Err(PictureError::CutOff { format: FORMAT, bytes: bytes.len() });
    }
    let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(fault(bytes))?;
    let (width, height) = decoder.dimensions();
    let pixel_bytes = if decoder.has_animation() { ANIMATED_PIXEL_BYTES } else { PIXEL_BYTES };
    let bytes = pixel_bytes * u64::from(width) * u64::from(height);
    let plan = Plan::fitting((width, height), options.max_bytes, |_, picture| (bytes + picture).max(2 * picture))?;
    Ok((decoder, plan))
}

/// Sides of the picture before it is turned upright, and how it is to be turned.
pub fn size(bytes: &[u8], options: &PictureOptions) -> Result<(Plan, Orientation), PictureError> {
    let (mut decoder, plan) = open(bytes, options)?;
    Ok((plan, orientation(&mut decoder)))
}

/// Decodes a file whose pixels are all there. The data behind them may be missing.
pub fn decode(bytes: &[u8], options: &PictureOptions) -> Result<(Rows, Orientation), PictureError> {
    let (mut decoder, plan) = open(bytes, options)?;
    let orientation = orientation(&mut decoder);
    let channels = if decoder.color_type() == ColorType::Rgba8 { 4 } else { 3 };
    let (width, _) = decoder.dimensions();
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).map_err(fault(bytes))?;
    let mut rows = Rows::new(plan, Samples::bytes(channels), options.background);
    pixels.chunks_exact(width as usize * channels).for_each(|row| rows.push(row));
    Ok((rows, orientation))
}

fn fault(bytes: &[u8]) -> impl Fn(image::ImageError) -> PictureError {
    let bytes = bytes.len();
    move |error| match error {
        // All frames of an animation must be there.
        image::ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            PictureError::CutOff { format: FORMAT, bytes }
        }
        error => PictureError::Damaged { format: FORMAT, problem: decoder_says(&error) },
    }
}

/// The tag may be missing, or be damaged: it is no pixel.
fn orientation(decoder: &mut File<'_>) -> Orientation {
    let exif = decoder.exif_metadata().ok().flatten().unwrap_or_default();
    crate::exif::orientation(&exif).unwrap_or(Orientation::NoTransforms)
}

/// Whether the chunk of the (first) image is there as a whole. Decoders fill in what is missing.
fn has_pixels(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((head, after)) = rest.split_first_chunk::<8>() {
        let [name @ .., _, _, _, _] = head;
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]) as usize;
        if matches!(name, b"VP8 " | b"VP8L" | b"ANMF") {
            return after.len() >= length;
        }
        // Chunks have an even number of bytes.
        rest = after.get(length.next_multiple_of(2)..).unwrap_or_default();
    }
    false
}
