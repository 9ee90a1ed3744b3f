use super::*;
use image::{DynamicImage, ImageDecoder, ImageFormat};
use std::io::Cursor;

mod damaged;
mod flat_jpeg;
mod formats;
mod jpeg;
mod sizes;
mod sloppy;
mod transparent;
mod upright;

/// Files of 40x30 pixels that the encoders here cannot write, all but the first of `gradient(40, 30)`.
const PROGRESSIVE: &[u8] = include_bytes!("progressive.jpg");
const RESTARTS: &[u8] = include_bytes!("restarts.jpg");
const INTERLACED: &[u8] = include_bytes!("interlaced.png");
const LOSSY: &[u8] = include_bytes!("lossy.webp");
/// The left half is invisible.
const LOSSY_ALPHA: &[u8] = include_bytes!("lossy_alpha.webp");
const ANIMATED: &[u8] = include_bytes!("animated.webp");
const FORMATS: [ImageFormat; 3] = [ImageFormat::Jpeg, ImageFormat::Png, ImageFormat::WebP];

fn encode(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    image.into().write_to(&mut Cursor::new(&mut bytes), format).unwrap();
    bytes
}

/// Colour that changes slowly enough for a JPEG.
fn gradient(width: u32, height: u32) -> image::RgbImage {
    image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(255 * x / width) as u8, (255 * y / height) as u8, (128 * (x + y) / (width + height)) as u8])
    })
}

/// A TIFF header whose one entry is the orientation.
fn exif(orientation: u8, big_endian: bool) -> Vec<u8> {
    if big_endian {
        [b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".as_slice(), &[orientation], &[0; 6]].concat()
    } else {
        [b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[orientation], &[0; 7]].concat()
    }
}

/// The file with the segment or chunk that a camera writes, a PNG's before or behind the pixels, a WebP's behind them.
fn tagged(file: &[u8], format: ImageFormat, exif: &[u8], late: bool) -> Vec<u8> {
    let (at, part) = match format {
        ImageFormat::Jpeg => {
            let length = (2 + 6 + exif.len() as u16).to_be_bytes();
            (2, [&[0xff, 0xe1], length.as_slice(), b"Exif\0\0", exif].concat())
        }
        ImageFormat::WebP => return tagged_webp(file, exif),
        _ => {
            let named = [b"eXIf", exif].concat();
            let parts = [&(exif.len() as u32).to_be_bytes(), named.as_slice(), &crc32(&named).to_be_bytes()];
            (if late { file.len() - 12 } else { 33 }, parts.concat())
        }
    };
    [&file[..at], &part, &file[at..]].concat()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

/// A simple file as an extended one with a tag.
fn tagged_webp(file: &[u8], exif: &[u8]) -> Vec<u8> {
    let (width, height) = image::codecs::webp::WebPDecoder::new(Cursor::new(file)).unwrap().dimensions();
    let [width, height] = [width, height].map(|side| (side - 1).to_le_bytes());
    let head = [&[8, 0, 0, 0], &width[..3], &height[..3]].concat();
    let chunk = |name: &[u8; 4], content: &[u8]| {
        let padding = &[0][..content.len() % 2];
        [name, (content.len() as u32).to_le_bytes().as_slice(), content, padding].concat()
    };
    let body = [b"WEBP", chunk(b"VP8X", &head).as_slice(), &file[12..], &chunk(b"EXIF", exif)].concat();
    [b"RIFF", (body.len() as u32).to_le_bytes().as_slice(), &body].concat()
}
