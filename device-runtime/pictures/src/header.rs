//! The size of a picture by the header of its file.

use crate::format::{Format, recognise};
use crate::plan::Plan;
use crate::{PictureError, PictureOptions, jpeg, png, webp};
use image::metadata::Orientation;
use std::io::{self, BufRead, Read, Seek};

/// So many bytes hold the headers of most files.
const BEGINNING: u64 = 64 << 10;

/// The width and height that the picture of a file of `file_bytes` will have. Nothing of the pixels is read.
///
/// # Errors
/// The reader's, or a fault in the file.
pub fn size<R: BufRead + Seek>(
    file: &mut R,
    file_bytes: u64,
    options: &PictureOptions,
) -> io::Result<Result<(u32, u32), PictureError>> {
    Ok(plan(file, file_bytes, options)?.map(|(plan, orientation)| {
        let (width, height) = (plan.columns.count, plan.rows.count);
        if swaps_sides(orientation) { (height, width) } else { (width, height) }
    }))
}

/// How a file of `file_bytes` is decoded, and how its picture is turned then. Nothing of the pixels is read.
///
/// # Errors
/// As [`size`].
pub fn plan<R: BufRead + Seek>(
    file: &mut R,
    file_bytes: u64,
    options: &PictureOptions,
) -> io::Result<Result<(Plan, Orientation), PictureError>> {
    let beginning = beginning(file, BEGINNING)?;
    file.rewind()?;
    Ok(match recognise(&beginning) {
        Ok(Format::Jpeg) => jpeg_size(file, beginning, file_bytes, options)?,
        Ok(Format::Png) => png::size(file, file_bytes, options),
        Ok(Format::WebP) => webp::size(file, file_bytes, options),
        Err(error) => Err(error),
    })
}

/// Previews and profiles may stand before the size: then more is read.
fn jpeg_size<R: BufRead + Seek>(
    file: &mut R,
    mut known: Vec<u8>,
    file_bytes: u64,
    options: &PictureOptions,
) -> io::Result<Result<(Plan, Orientation), PictureError>> {
    loop {
        let size = jpeg::size(&known, file_bytes, options);
        if !matches!(size, Err(PictureError::CutOff { .. })) {
            return Ok(size);
        }
        let more = beginning(file, 8 * known.len() as u64)?;
        if more.len() <= known.len() {
            return Ok(size);
        }
        known = more;
    }
}

/// Up to so many bytes from the start of a file.
fn beginning(file: &mut (impl Read + Seek), bytes: u64) -> io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    file.rewind()?;
    file.take(bytes).read_to_end(&mut beginning)?;
    Ok(beginning)
}

fn swaps_sides(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufReader, Cursor, SeekFrom};

    /// Counts the bytes that are read.
    struct Counting<'a> {
        file: Cursor<&'a [u8]>,
        bytes: usize,
    }

    impl Read for Counting<'_> {
        fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
            let count = self.file.read(to)?;
            self.bytes += count;
            Ok(count)
        }
    }

    impl Seek for Counting<'_> {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    /// Size of a file, and how many bytes of it were read.
    fn read_bytes(file: &[u8]) -> ((u32, u32), usize) {
        let mut reader = BufReader::new(Counting { file: Cursor::new(file), bytes: 0 });
        let size = size(&mut reader, file.len() as u64, &PictureOptions::default()).unwrap().unwrap();
        (size, reader.into_inner().bytes)
    }

    /// Noise, so that the file is long.
    fn noise(format: image::ImageFormat) -> Vec<u8> {
        let mut state = 1u32;
        let image = image::RgbImage::from_fn(900, 600, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb([(state >> 24) as u8, (state >> 16) as u8, (state >> 8) as u8])
        });
        let mut file = Cursor::new(Vec::new());
        image.write_to(&mut file, format).unwrap();
        file.into_inner()
    }

    #[test]
    fn little_more_than_the_header_is_read() {
        for format in [image::ImageFormat::Jpeg, image::ImageFormat::Png, image::ImageFormat::WebP] {
            let file = noise(format);
            let (size, read) = read_bytes(&file);
            assert_eq!(size, (900, 600), "{format:?}");
            assert!(read < 100_000 && file.len() > 300_000, "{format:?}: {read} of {} bytes", file.len());
        }
        // A long preview stands before the size.
        let preview = [[0xff, 0xe2, 0xff, 0xff].as_slice(), &[7; 0xfffd]].concat();
        let jpeg = noise(image::ImageFormat::Jpeg);
        let file = [&jpeg[..2], &preview.repeat(10), &jpeg[2..], &[0; 9_000_000]].concat();
        let (size, read) = read_bytes(&file);
        assert_eq!(size, (900, 600));
        assert!(read < 6_000_000, "{read} of {} bytes", file.len());
    }
}
