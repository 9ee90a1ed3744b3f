use super::*;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use nestling_core::image::ImageError;
use proptest::prelude::*;

/// A progressive JPEG of 40x30 pixels, which the encoder here cannot write.
const PROGRESSIVE: &[u8] = include_bytes!("progressive.jpg");
const FORMATS: [ImageFormat; 2] = [ImageFormat::Jpeg, ImageFormat::Png];

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

/// The file with the segment or chunk that a camera writes, a PNG's before or behind the pixels.
fn tagged(file: &[u8], format: ImageFormat, exif: &[u8], late: bool) -> Vec<u8> {
    let (at, part) = match format {
        ImageFormat::Jpeg => {
            let length = (2 + 6 + exif.len() as u16).to_be_bytes();
            (2, [&[0xff, 0xe1], length.as_slice(), b"Exif\0\0", exif].concat())
        }
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

/// Where the pixel of the upright picture is in a file with such a tag, as the EXIF standard's table says.
fn stored(orientation: u8, x: u32, y: u32, width: u32, height: u32) -> (u32, u32) {
    let (right, bottom) = (width - 1 - x, height - 1 - y);
    match orientation {
        1 => (x, y),
        2 => (right, y),
        3 => (right, bottom),
        4 => (x, bottom),
        5 => (y, x),
        6 => (y, right),
        7 => (bottom, right),
        8 => (bottom, x),
        _ => unreachable!(),
    }
}

#[test]
fn every_exif_orientation_is_turned_upright() {
    let upright = gradient(48, 32);
    for orientation in 1..=8 {
        let (width, height) = if orientation < 5 { (48, 32) } else { (32, 48) };
        let mut turned = image::RgbImage::new(width, height);
        for (x, y, pixel) in upright.enumerate_pixels() {
            let (column, row) = stored(orientation, x, y, 48, 32);
            turned.put_pixel(column, row, *pixel);
        }
        for (format, big_endian, late) in [
            (ImageFormat::Jpeg, false, false),
            (ImageFormat::Jpeg, true, false),
            (ImageFormat::Png, false, false),
            (ImageFormat::Png, true, true),
        ] {
            let mut file = Vec::new();
            match format {
                ImageFormat::Jpeg => JpegEncoder::new_with_quality(&mut file, 98).encode_image(&turned).unwrap(),
                _ => file = encode(turned.clone(), format),
            }
            let file = tagged(&file, format, &exif(orientation, big_endian), late);
            let picture = Picture::decode(&file).unwrap();
            assert_eq!((picture.width, picture.height), (48, 32), "{orientation} in {format:?}");
            let tolerance = if format == ImageFormat::Png { 0 } else { 16 };
            for (given, expected) in picture.bytes.chunks(4).zip(upright.pixels()) {
                let close = given.iter().zip(expected.0).all(|(&a, b)| a.abs_diff(b) <= tolerance);
                assert!(close, "{orientation} in {format:?}: {given:?} is not {expected:?}");
            }
        }
    }
}

#[test]
fn a_damaged_tag_leaves_the_picture_as_it_is() {
    for format in FORMATS {
        let file = encode(gradient(16, 8), format);
        let plain = Picture::decode(&file).unwrap();
        for tag in [exif(0, false), exif(9, true), exif(6, false)[..12].to_vec(), b"nonsense".to_vec(), Vec::new()] {
            assert_eq!(Picture::decode(&tagged(&file, format, &tag, false)).unwrap(), plain, "{tag:?}");
        }
    }
}

#[test]
fn a_file_cut_off_anywhere_is_a_typed_error() {
    // Its thumbnail has an end marker of its own.
    let thumbnail =
        tagged(&encode(gradient(40, 30), ImageFormat::Jpeg), ImageFormat::Jpeg, b"thumbnail\xff\xd9", false);
    for file in [thumbnail, encode(gradient(40, 30), ImageFormat::Png), PROGRESSIVE.to_vec()] {
        let whole = Picture::decode(&file).unwrap();
        assert_eq!(whole.image().height(), whole.height);
        for length in 0..file.len() {
            match Picture::decode(&file[..length]) {
                Err(PictureError::Format) => assert!(length < 8, "{length} bytes"),
                Err(PictureError::CutOff { bytes, .. }) => assert_eq!(bytes, length),
                other => panic!("{length} of {} bytes: {other:?}", file.len()),
            }
        }
    }
}

#[test]
fn sides_that_no_image_has_are_typed_errors() {
    let size = |bytes: &[u8]| match Picture::decode(bytes).unwrap_err() {
        PictureError::Size(ImageError::Size { width, height, smallest: 2, largest: 16_384 }) => (width, height),
        other => panic!("{other}"),
    };
    for format in FORMATS {
        for (width, height) in [(1, 1), (1, 9), (9, 1), (20_000, 2), (2, 20_000), (16_385, 2)] {
            assert_eq!(size(&encode(image::GrayImage::new(width, height), format)), (width, height));
        }
        for (width, height) in [(2, 2), (16_384, 2), (2, 16_384)] {
            let picture = Picture::decode(&encode(image::GrayImage::new(width, height), format)).unwrap();
            assert_eq!((picture.width, picture.height, picture.format), (width, height, PixelFormat::Grey8));
        }
    }
}

#[test]
fn a_small_file_that_claims_to_be_huge_is_refused_before_anything_is_set_aside() {
    let mut png = encode(gradient(8, 8), ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0x40, 0, 0, 0, 0x40, 0]);
    let checksum = crc32(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&checksum);
    let mut jpeg = encode(gradient(8, 8), ImageFormat::Jpeg);
    let frame = jpeg.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0x40, 0, 0x40, 0]);
    for mut file in [png, jpeg] {
        let error = Picture::decode(&file).unwrap_err();
        assert!(matches!(error, PictureError::Implausible { width: 16_384, height: 16_384, .. }), "{error}");
        // Padded until it could be true, it is still too much.
        if file[0] == 0xff {
            let segment = [[0xff, 0xfe, 0xff, 0xff].as_slice(), &[0; 0xfffd]].concat();
            file.splice(2..2, segment.repeat(5));
            let error = Picture::decode(&file).unwrap_err();
            assert!(matches!(error, PictureError::TooLarge { bytes: 805_306_368, .. }), "{error}");
        }
    }
}

#[test]
fn grey_stays_grey_and_other_kinds_become_colour_of_8_bits() {
    let grey =
        Picture::decode(&encode(image::GrayImage::from_pixel(9, 5, image::Luma([77])), ImageFormat::Png)).unwrap();
    assert_eq!((grey.format, &grey.bytes), (PixelFormat::Grey8, &vec![77; 45]));
    let jpeg =
        Picture::decode(&encode(image::GrayImage::from_pixel(9, 5, image::Luma([77])), ImageFormat::Jpeg)).unwrap();
    assert_eq!((jpeg.format, jpeg.bytes.len()), (PixelFormat::Grey8, 45));
    // Transparency is ignored, not blended.
    let write = |bytes: &[u8], color: ExtendedColorType| {
        let mut file = Vec::new();
        PngEncoder::new(&mut file).write_image(bytes, 2, 2, color).unwrap();
        Picture::decode(&file).unwrap()
    };
    assert_eq!(write(&[10, 0, 20, 9, 30, 255, 40, 1], ExtendedColorType::La8).bytes, [10, 20, 30, 40]);
    let rgba = write(&[1, 2, 3, 0].repeat(4), ExtendedColorType::Rgba8);
    assert_eq!((rgba.format, rgba.bytes), (PixelFormat::Rgba8, [1, 2, 3, 255].repeat(4)));
    let deep: Vec<u8> = [0u16, 0x7fff, 0xff00, 0xffff].into_iter().flat_map(u16::to_ne_bytes).collect();
    assert_eq!(write(&deep, ExtendedColorType::L16).bytes, [0, 127, 254, 255]);
    let deep: Vec<u8> = [0x0101u16, 0x8080, 0xffff].repeat(4).into_iter().flat_map(u16::to_ne_bytes).collect();
    assert_eq!(write(&deep, ExtendedColorType::Rgb16).bytes, [1, 128, 255, 255].repeat(4));
}

#[test]
fn squares_above_4096_pixels_are_halved_until_they_fit() {
    let stripes = image::GrayImage::from_fn(8301, 8200, |x, y| image::Luma([if (x + y) % 2 == 0 { 100 } else { 103 }]));
    let picture = Picture::decode(&encode(stripes, ImageFormat::Png)).unwrap();
    assert_eq!((picture.width, picture.height), (2075, 2050));
    assert!(picture.bytes.iter().all(|&value| value == 102), "the mean, rounded to the nearest");
    let wide = Picture::decode(&encode(image::GrayImage::new(16_384, 4096), ImageFormat::Png)).unwrap();
    assert_eq!((wide.width, wide.height), (16_384, 4096));
}

#[test]
fn what_is_no_picture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    let error = Picture::open(&path).unwrap_err();
    assert!(matches!(error, PictureError::Open { .. }) && error.to_string().contains("check the path"), "{error}");
    assert!(matches!(Picture::open(folder.path()).unwrap_err(), PictureError::Open { .. }), "a folder");
    for bytes in [b"".as_slice(), b"GIF89a and so on", b"just text"] {
        std::fs::write(&path, bytes).unwrap();
        let error = Picture::open(&path).unwrap_err();
        assert!(
            matches!(&error, PictureError::InFile { source, .. } if matches!(**source, PictureError::Format)),
            "{error}"
        );
        assert_eq!((error.code(), error.path()), (Picture::decode(bytes).unwrap_err().code(), Some(&*path)));
    }
    // By content, whatever the name says.
    std::fs::write(&path, encode(gradient(6, 4), ImageFormat::Png)).unwrap();
    assert_eq!(Picture::open(&path).unwrap().bytes.len(), 6 * 4 * 4);
}

proptest! {
    #[test]
    fn damaged_bytes_never_panic(
        format in 0usize..3, edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8)
    ) {
        let mut file = match format {
            2 => PROGRESSIVE.to_vec(),
            format => encode(gradient(24, 17), FORMATS[format]),
        };
        for (index, value) in edits {
            let at = index.index(file.len());
            file[at] = value;
        }
        if let Ok(picture) = Picture::decode(&file) {
            prop_assert!(Image::new(picture.width, picture.height, picture.format, &picture.bytes).is_ok());
        }
    }

    #[test]
    fn bytes_that_only_start_like_a_picture_never_panic(
        is_png: bool, rest in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        let start: &[u8] = if is_png { b"\x89PNG\r\n\x1a\n" } else { b"\xff\xd8\xff\xe0" };
        prop_assert!(Picture::decode(&[start, &rest].concat()).is_err());
    }
}
