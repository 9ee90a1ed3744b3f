//! PNG files.

use crate::plan::Plan;
use crate::rows::{Rows, Samples};
use crate::{PictureError, PictureOptions, error::decoder_says, exif};
use image::metadata::Orientation;
use png::{BitDepth, Decoder, DecodingError, InterlaceInfo, Limits, Reader, Transformations};
use std::io::{BufRead, Cursor, ErrorKind, Read, Seek, SeekFrom};

const FORMAT: &str = "PNG";
const SIGNATURE_BYTES: u64 = 8;
/// Deflate shrinks to 1/1032 at best, and a pixel may be one bit.
const MAX_PIXELS_PER_BYTE: u64 = 8 * 1032;

/// Reads the header of a file of `file_bytes` and checks it before anything is set aside for the pixels.
fn open<R: BufRead + Seek>(
    file: R,
    file_bytes: u64,
    options: &PictureOptions,
) -> Result<(Reader<R>, Plan), PictureError> {
    let limits = Limits { bytes: usize::try_from(options.max_bytes).unwrap_or(usize::MAX) };
    let mut decoder = Decoder::new_with_limits(file, limits);
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    // A palette, keyed transparency and fewer than 8 bits become samples of 8 bits, with alpha where there is any.
    decoder.set_transformations(Transformations::EXPAND);
    let fault = fault(file_bytes);
    let info = decoder.read_header_info().map_err(&fault)?;
    let (width, height, is_interlaced) = (info.width, info.height, info.interlaced);
    if u64::from(width) * u64::from(height) > file_bytes.saturating_mul(MAX_PIXELS_PER_BYTE) {
        let bytes = usize::try_from(file_bytes).unwrap_or(usize::MAX);
        return Err(PictureError::Implausible { format: FORMAT, bytes, width, height });
    }
    // Up to four samples of 16 bits.
    let pixel_bytes = 8;
    let plan = Plan::fitting((width, height), options, |_, picture| {
        let rows = if is_interlaced { u64::from(height) } else { 4 };
        (rows * u64::from(width) * pixel_bytes + picture).max(2 * picture)
    })?;
    Ok((decoder.read_info().map_err(&fault)?, plan))
}

/// Sides of the picture before it is turned upright, and how it is to be turned. Nothing of the pixels is read.
///
/// # Errors
/// A fault in the file, or its reader's.
pub fn size<R: BufRead + Seek>(
    file: &mut R,
    file_bytes: u64,
    options: &PictureOptions,
) -> Result<(Plan, Orientation), PictureError> {
    let (_, plan) = open(&mut *file, file_bytes, options)?;
    Ok((plan, orientation(file)))
}

/// Decodes a file whose pixels are all there. Its end may be missing, or something may follow it.
pub fn decode(bytes: &[u8], options: &PictureOptions) -> Result<(Rows, Orientation), PictureError> {
    let (mut file, plan) = open(Cursor::new(bytes), bytes.len() as u64, options)?;
    let fault = fault(bytes.len() as u64);
    let (kind, depth) = file.output_color_type();
    let samples = Samples { channels: kind.samples(), is_wide: depth == BitDepth::Sixteen };
    let (width, height) = file.info().size();
    let row_bytes = width as usize * samples.pixel_bytes();
    let mut rows = Rows::new(plan, samples, options);
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
    Ok((rows, orientation(&mut Cursor::new(bytes))))
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

fn fault(file_bytes: u64) -> impl Fn(DecodingError) -> PictureError {
    move |error| match error {
        DecodingError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            PictureError::CutOff { format: FORMAT, bytes: usize::try_from(file_bytes).unwrap_or(usize::MAX) }
        }
        error => PictureError::Damaged { format: FORMAT, problem: problem(&error) },
    }
}

/// The decoder's words; its own for checksums print numbers that help nobody.
fn problem(error: &DecodingError) -> String {
    let words = decoder_says(error);
    match words.split_once("CRC error").and_then(|(_, rest)| rest.split_once("decoding ")) {
        Some((_, rest)) => {
            let chunk = rest.split_whitespace().next().unwrap_or_default();
            format!("the checksum of its chunk {chunk} is wrong")
        }
        None => words,
    }
}

/// Some programs put the tag behind the pixels, where the decoder does not look.
fn orientation(file: &mut (impl Read + Seek)) -> Orientation {
    find_exif(file).as_deref().and_then(exif::orientation).unwrap_or(Orientation::NoTransforms)
}

/// Goes from chunk to chunk, and reads the one with the tag. `None` also where the file is damaged.
fn find_exif(file: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    file.seek(SeekFrom::Start(SIGNATURE_BYTES)).ok()?;
    loop {
        let mut head = [0; 8];
        file.read_exact(&mut head).ok()?;
        let [length @ .., _, _, _, _] = head;
        let length = u32::from_be_bytes(length);
        if head.ends_with(b"eXIf") {
            let mut content = Vec::new();
            file.take(u64::from(length)).read_to_end(&mut content).ok()?;
            return (content.len() as u64 == u64::from(length)).then_some(content);
        }
        // Behind the content and the checksum. Within what a reader has buffered, this reads nothing again.
        file.seek_relative(i64::from(length) + 4).ok()?;
    }
}
