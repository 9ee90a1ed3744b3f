//! JPEG files.

mod bits;
mod complete;
mod scan;
mod segments;

use crate::plan::Plan;
use crate::rows::{Rows, Samples};
use crate::{PictureError, PictureOptions};
use complete::check_complete;
use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder};
use segments::{Coding, Frame, Header};
use std::io::{Cursor, Read};

const FORMAT: &str = "JPEG";
/// A block of 8x8 pixels takes one bit at least; twice that, for subsampled components of odd shapes.
const MAX_PIXELS_PER_BYTE: u64 = 8 * 64 * 2;
/// The decoder that halves counts to 65,535 in places.
const MAX_HALVED_SIDE: u32 = 65_000;
/// Halvings while decoding: from 8x8 to 4x4, 2x2 or single pixels a block.
const MAX_HALVINGS: u32 = 3;

/// The plan for the picture, checked before anything is set aside for it.
fn plan(header: &Header<'_>, bytes: &[u8], options: &PictureOptions) -> Result<Plan, PictureError> {
    let frame = &header.frame;
    let (width, height) = (frame.width, frame.height);
    if u64::from(width) * u64::from(height) > bytes.len() as u64 * MAX_PIXELS_PER_BYTE {
        return Err(PictureError::Implausible { format: FORMAT, bytes: bytes.len(), width, height });
    }
    Plan::fitting((width, height), options.max_bytes, |plan, picture| memory(frame, plan.halvings, picture))
}

/// Sides of the picture before it is turned upright, and how it is to be turned.
pub fn size(bytes: &[u8], options: &PictureOptions) -> Result<(Plan, Orientation), PictureError> {
    let header = Header::parse(bytes)?;
    Ok((plan(&header, bytes, options)?, orientation(&header)))
}

/// Decodes a file whose pixels are all there.
pub fn decode(bytes: &[u8], options: &PictureOptions) -> Result<(Rows, Orientation), PictureError> {
    let header = Header::parse(bytes)?;
    let (plan, image) = if header.frame.coding == Coding::Sequential {
        // Following its codes sets nothing aside, and tells a file that was cut off from one that cannot be true.
        let image = check_complete(bytes, &header.frame)?;
        (plan(&header, bytes, options)?, image)
    } else {
        (plan(&header, bytes, options)?, check_complete(bytes, &header.frame)?)
    };
    let halved = if is_halved(&header.frame, plan.halvings) { decode_halved(image, plan, options) } else { None };
    let rows = match halved {
        Some(rows) => rows,
        None => {
            // The other decoder knows more kinds.
            let bytes = memory(&header.frame, 0, plan.picture_bytes());
            let (width, height, limit) = (header.frame.width, header.frame.height, options.max_bytes);
            if bytes > limit {
                return Err(PictureError::TooLarge { width, height, bytes, limit });
            }
            decode_whole(image, plan, options)?
        }
    };
    Ok((rows, orientation(&header)))
}

fn orientation(header: &Header<'_>) -> Orientation {
    header.exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

/// Whether the decoder itself can halve.
fn is_halved(frame: &Frame, halvings: u32) -> bool {
    halvings > 0
        && frame.coding != Coding::Other
        && [1, 3].contains(&frame.components.len())
        && frame.width.max(frame.height) <= MAX_HALVED_SIDE
}

/// Bytes that decoding takes.
fn memory(frame: &Frame, halvings: u32, picture: u64) -> u64 {
    let channels = if frame.components.len() == 1 { 1 } else { 3 };
    let pixels = u64::from(frame.width) * u64::from(frame.height);
    let picture = picture * if channels == 1 { 1 } else { 4 } / 4;
    // Progressive files keep all coefficients, of two bytes each, until the last scan.
    let coefficients = if frame.coding == Coding::Progressive { 2 * frame.samples() } else { 0 };
    let decoded = if is_halved(frame, halvings) {
        (pixels * channels + frame.samples()) >> (2 * halvings.min(MAX_HALVINGS))
    } else {
        pixels * channels
    };
    (coefficients + decoded + picture).max(2 * picture)
}

/// The bytes of the image with an end marker, whether the file has one or not.
fn ended(image: &[u8]) -> impl Read + '_ {
    image.chain([0xff, 0xd9].as_slice())
}

fn decode_whole(image: &[u8], plan: Plan, options: &PictureOptions) -> Result<Rows, PictureError> {
    let damaged = |error: image::ImageError| PictureError::Damaged { format: FORMAT, problem: error.to_string() };
    let mut file = Vec::with_capacity(image.len() + 2);
    file.extend_from_slice(image);
    file.extend([0xff, 0xd9]);
    let decoder = JpegDecoder::new(Cursor::new(file)).map_err(damaged)?;
    let (width, _) = decoder.dimensions();
    let channels = if decoder.color_type() == ColorType::L8 { 1 } else { 3 };
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).map_err(damaged)?;
    let mut rows = Rows::new(plan, Samples::bytes(channels), options.background);
    pixels.chunks_exact(width as usize * channels).for_each(|row| rows.push(row));
    Ok(rows)
}

/// Decodes to a half, a quarter or an eighth of each side. `None` if the decoder does not know the kind of file.
fn decode_halved(image: &[u8], plan: Plan, options: &PictureOptions) -> Option<Rows> {
    let mut decoder = jpeg_decoder::Decoder::new(ended(image));
    decoder.read_info().ok()?;
    let info = decoder.info()?;
    let by = plan.halvings.min(MAX_HALVINGS);
    let (wanted_width, wanted_height) = (info.width.div_ceil(1 << by), info.height.div_ceil(1 << by));
    let (width, height) = decoder.scale(wanted_width, wanted_height).ok()?;
    if (width, height) != (wanted_width, wanted_height) {
        return None;
    }
    let channels = match info.pixel_format {
        jpeg_decoder::PixelFormat::L8 => 1,
        jpeg_decoder::PixelFormat::RGB24 => 3,
        jpeg_decoder::PixelFormat::L16 | jpeg_decoder::PixelFormat::CMYK32 => return None,
    };
    let pixels = decoder.decode().ok()?;
    let row_bytes = usize::from(width) * channels;
    if pixels.len() != row_bytes * usize::from(height) {
        return None;
    }
    let plan = Plan { halvings: plan.halvings - by, ..plan };
    let mut rows = Rows::new(plan, Samples::bytes(channels), options.background);
    pixels.chunks_exact(row_bytes).for_each(|row| rows.push(row));
    Some(rows)
}
