//! PNG files.

use crate::plan::Plan;
use crate::rows::{Rows, Samples};
use crate::{PictureError, PictureOptions, error::decoder_says};
use image::metadata::Orientation;
use png::{BitDepth, Decoder, DecodingError, InterlaceInfo, Limits, Reader, Transformations};
use std::io::{Cursor, ErrorKind};

const FORMAT: &str = "PNG";
/// Deflate shrinks to 1/1032 at best, and a pixel may be one bit.
const MAX_PIXELS_PER_BYTE: u64 = 8 * 1032;

type File<'a> = Reader<Cursor<&'a [u8]>>;

/// Reads the header and checks it before anything is set aside for the pixels.
fn open<'a>(bytes: &'a [u8], options: &PictureOptions) -> Result<(File<'a>, Plan), PictureError> {
    let limits = Limits { bytes: usize::try_from(options.max_bytes).unwrap_or(usize::MAX) };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // A palette, keyed transparency and fewer than 8 bits become samples of 8 bits, with alpha where there is any.
    decoder.set_transformations(Transformations::EXPAND);
    let fault = fault(bytes);
    let info = decoder.read_header_info().map_err(&fault)?;
    let (width, height, is_interlaced) = (info.width, info.height, info.interlaced);
    if u64::from(width) * u64::from(height) > bytes.len() as u64 * MAX_PIXELS_PER_BYTE {
        return Err(PictureError::Implausible { format: FORMAT, bytes: bytes.len(), width, height });
    }
    // Up to four samples of 16 bits.
    let pixel_bytes = 8;
    let plan = Plan::fitting((width, height), options.max_bytes, |_, picture| {
        let rows = if is_interlaced { u64::from(height) } else { 4 };
        (rows * u64::from(width) * pixel_bytes + picture).max(2 * picture)
    })?;
    Ok((decoder.read_info().map_err(&fault)?, plan))
}

/// Sides of the picture before it is turned upright, and how it is to be turned.
pub fn size(bytes: &[u8], options: &PictureOptions) -> Result<(Plan, Orientation), PictureError> {
    let (_, plan) = open(bytes, options)?;
    Ok((plan, orientation(bytes)))
}

/// Decodes a file whose pixels are all there. Its end may be missing, or something may follow it.
pub fn decode(bytes: &[u8], options: &PictureOptions) -> Result<(Rows, Orientation), PictureError> {
    let (mut file, plan) = open(bytes, options)?;
    let fault = fault(bytes);
    let (kind, depth) = file.output_color_type();
    let samples = Samples { channels: kind.samples(), is_wide: depth == BitDepth::Sixteen };
    let (width, height) = file.info().size();
    let row_bytes = width as usize * samples.pixel_bytes();
    let mut rows = Rows::new(plan, samples, options.background);
    if !file.info().interlaced {
        for _ in 0..height {
            let row = file.next_row().map_err(&fault)?.filter(|row| row.data().len() == row_bytes);
            rows.push(row.ok_or_else(row_is_missing)?.data());
        }
    } else {
        let mut pixels = vec![0; row_bytes * height as usize];
        for _ in 0..rows_of_passes(width, height) {
            let row = file.next_interlaced_row().map_err(&fault)?.ok_or_else(row_is_missing)?;
            let InterlaceInfo::Adam7(place) = row.interlace() else { return Err(row_is_missing()) };
            png::expand_interlaced_row(&mut pixels, row_bytes, row.data(), place, 8 * samples.pixel_bytes() as u8);
        }
        pixels.chunks_exact(row_bytes).for_each(|row| rows.push(row));
    }
    // The checksum of the last pixels is behind them.
    match file.next_row() {
        Err(DecodingError::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {}
        Err(error) => return Err(fault(error)),
        Ok(_) => {}
    }
    Ok((rows, orientation(bytes)))
}

/// Rows of all seven passes of an interlaced file.
fn rows_of_passes(width: u32, height: u32) -> u32 {
    // First column and row, and rows from one to the next.
    let passes = [(0, 0, 8), (4, 0, 8), (0, 4, 8), (2, 0, 4), (0, 2, 4), (1, 0, 2), (0, 1, 2)];
    let rows =
        |(left, top, step): (u32, u32, u32)| if left < width { height.saturating_sub(top).div_ceil(step) } else { 0 };
    passes.into_iter().map(rows).sum()
}

fn row_is_missing() -> PictureError {
    PictureError::Damaged { format: FORMAT, problem: "a row is missing".to_owned() }
}

fn fault(bytes: &[u8]) -> impl Fn(DecodingError) -> PictureError {
    let bytes = bytes.len();
    move |error| match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            PictureError::CutOff { format: FORMAT, bytes }
        }
        error => PictureError::Damaged { format: FORMAT, problem: decoder_says(&error) },
    }
}

/// Some programs put the tag behind the pixels, where the decoder does not look.
fn orientation(bytes: &[u8]) -> Orientation {
    chunks(bytes)
        .find(|(name, _)| name == b"eXIf")
        .and_then(|(_, exif)| crate::exif::orientation(exif))
        .unwrap_or(Orientation::NoTransforms)
}

/// Names and contents of the chunks, as far as they are complete.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
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
