//! JPEG files.

mod bits;
mod complete;
mod ending;
mod scan;
mod segments;
mod standard;

use crate::plan::Plan;
use crate::rows::{Rows, Samples};
use crate::{PictureError, PictureOptions, error::decoder_says};
use complete::check_complete;
use image::codecs::jpeg::JpegDecoder;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder};
use segments::{Coding, Frame, Header, damaged};
use std::io::{Cursor, Read};

const FORMAT: &str = "JPEG";
/// A block of 8x8 pixels takes one bit at least; twice that, for subsampled components of odd shapes.
const MAX_PIXELS_PER_BYTE: u64 = 8 * 64 * 2;
/// The decoder that halves counts to 65,535 in places.
const MAX_HALVED_SIDE: u32 = 65_000;
/// Halvings while decoding: from 8x8 to 4x4, 2x2 or single pixels a block.
const MAX_HALVINGS: u32 = 3;

/// The plan for the picture, checked before anything is set aside for it.
fn plan(frame: &Frame, file_bytes: u64, options: &PictureOptions) -> Result<Plan, PictureError> {
    let (width, height) = (frame.width, frame.height);
    if u64::from(width) * u64::from(height) > file_bytes.saturating_mul(MAX_PIXELS_PER_BYTE) {
        let bytes = usize::try_from(file_bytes).unwrap_or(usize::MAX);
        return Err(PictureError::Implausible { format: FORMAT, bytes, width, height });
    }
    Plan::fitting((width, height), options, |plan, picture| memory(frame, plan.halvings, picture))
}

/// Sides of the picture before it is turned upright, and how it is to be turned. `beginning` are the first bytes of a
/// file of `file_bytes`.
///
/// # Errors
/// [`PictureError::CutOff`] if the beginning is too short to tell.
pub fn size(beginning: &[u8], file_bytes: u64, options: &PictureOptions) -> Result<(Plan, Orientation), PictureError> {
    let header = Header::parse(from_last_start(beginning))?;
    Ok((plan(&header.frame, file_bytes, options)?, orientation(&header)))
}

/// Decodes a file whose pixels are all there.
pub fn decode(bytes: &[u8], options: &PictureOptions) -> Result<(Rows, Orientation), PictureError> {
    let (bytes, file_bytes) = (from_last_start(bytes), bytes.len() as u64);
    let header = Header::parse(bytes)?;
    let frame = &header.frame;
    let (plan, image) = if options.trusted && header.has_one_scan {
        // Decoders read the blocks of that scan, and nothing behind them.
        (plan(frame, file_bytes, options)?, bytes)
    } else if frame.coding == Coding::Sequential {
        // Following its codes sets nothing aside, and tells a file that was cut off from one that cannot be true.
        let image = check_complete(bytes, &header)?;
        (plan(frame, file_bytes, options)?, image)
    } else {
        (plan(frame, file_bytes, options)?, check_complete(bytes, &header)?)
    };
    let image = &header.completed(image);
    let halved = if is_halved(frame, plan.halvings) { decode_halved(image, frame, plan, options) } else { None };
    if let Some(rows) = halved {
        return Ok((rows, orientation(&header)));
    }
    // The other decoder knows more kinds, but takes more memory.
    let bytes = memory(frame, 0, plan.picture_bytes());
    if bytes > options.max_bytes {
        let (width, height, limit) = (frame.width, frame.height, options.max_bytes);
        return Err(PictureError::TooLarge { width, height, bytes, limit });
    }
    Ok((decode_whole(image, frame, plan, options)?, orientation(&header)))
}

/// Some programs write the marker of the start twice.
fn from_last_start(mut bytes: &[u8]) -> &[u8] {
    while bytes.starts_with(b"\xff\xd8\xff\xd8") {
        bytes = &bytes[2..];
    }
    bytes
}

fn orientation(header: &Header) -> Orientation {
    header.orientation.unwrap_or(Orientation::NoTransforms)
}

/// Whether the decoder itself can halve.
fn is_halved(frame: &Frame, halvings: u32) -> bool {
    halvings > 0 && [1, 3].contains(&frame.components.len()) && frame.width.max(frame.height) <= MAX_HALVED_SIDE
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

fn decode_whole(image: &[u8], frame: &Frame, plan: Plan, options: &PictureOptions) -> Result<Rows, PictureError> {
    let failed = |error: image::ImageError| damaged(decoder_says(&error));
    let mut file = Vec::with_capacity(image.len() + 2);
    file.extend_from_slice(image);
    file.extend([0xff, 0xd9]);
    let decoder = JpegDecoder::new(Cursor::new(file)).map_err(failed)?;
    if decoder.dimensions() != (frame.width, frame.height) {
        return Err(damaged("it has two sizes"));
    }
    let channels = if decoder.color_type() == ColorType::L8 { 1 } else { 3 };
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels).map_err(failed)?;
    Ok(Rows::of_all(plan, Samples::bytes(channels), options, pixels, frame.width))
}

/// Decodes to a half, a quarter or an eighth of each side. `None` if the decoder does not know the kind of file.
fn decode_halved(image: &[u8], frame: &Frame, plan: Plan, options: &PictureOptions) -> Option<Rows> {
    let mut decoder = jpeg_decoder::Decoder::new(ended(image));
    let by = plan.halvings.min(MAX_HALVINGS);
    let [width, height] = [frame.width, frame.height].map(|side| side.div_ceil(1 << by) as u16);
    if decoder.scale(width, height).ok()? != (width, height) {
        return None;
    }
    let channels = match decoder.info()?.pixel_format {
        jpeg_decoder::PixelFormat::L8 => 1,
        jpeg_decoder::PixelFormat::RGB24 => 3,
        jpeg_decoder::PixelFormat::L16 | jpeg_decoder::PixelFormat::CMYK32 => return None,
    };
    let pixels = decoder.decode().ok()?;
    let row_bytes = usize::from(width) * channels;
    if pixels.len() != row_bytes * usize::from(height) {
        return None;
    }
    let mut rows = Rows::new(Plan { halvings: plan.halvings - by, ..plan }, Samples::bytes(channels), options);
    pixels.chunks_exact(row_bytes).for_each(|row| rows.push(row));
    Some(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes halved so many times, whatever the size.
    fn halved(file: &[u8], halvings: u32) -> Option<(u32, u32, Vec<u8>)> {
        let header = Header::parse(file).ok()?;
        let image = check_complete(file, &header).ok()?;
        let plan = Plan::new(header.frame.width, header.frame.height, halvings);
        let (width, height, _, pixels) =
            decode_halved(image, &header.frame, plan, &PictureOptions::default())?.finish();
        Some((width, height, pixels))
    }

    /// Wide enough for the decoder's threads.
    fn wide() -> Vec<u8> {
        let mut file = Vec::new();
        let pixel = |x: u32, y: u32| image::Rgb([(x / 9) as u8, (3 * y) as u8, (x / 6) as u8]);
        let mut encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut file, 90);
        encoder.encode_image(&image::RgbImage::from_fn(1301, 27, pixel)).unwrap();
        file
    }

    #[test]
    fn every_halving_keeps_the_picture() {
        for halvings in 1..=4 {
            let (width, height, pixels) = halved(&wide(), halvings).unwrap();
            assert_eq!((width, height), (1301 >> halvings, 27 >> halvings));
            for (at, pixel) in pixels.chunks(4).enumerate() {
                let [x, y] = [at as u32 % width, at as u32 / width].map(|at| (at << halvings) + (1 << halvings) / 2);
                let expected = [x / 9, 3 * y, x / 6];
                let close = |(given, expected): (&u8, u32)| u32::from(*given).abs_diff(expected) <= 8;
                assert!(pixel.iter().zip(expected).all(close), "{halvings}, {x}, {y}: {pixel:?} is not {expected:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic_where_they_are_halved(
            halvings in 1u32..4, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..5)
        ) {
            let mut file = wide();
            for (index, value) in edits {
                let at = index.index(file.len());
                file[at] = value;
            }
            if let Some((width, height, pixels)) = halved(&file, halvings) {
                prop_assert!([1, 4].map(|size| (width * height * size) as usize).contains(&pixels.len()));
            }
        }
    }
}
