use super::*;
use image::codecs::jpeg::JpegEncoder;

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
            (ImageFormat::WebP, false, true),
        ] {
            let mut file = Vec::new();
            match format {
                ImageFormat::Jpeg => JpegEncoder::new_with_quality(&mut file, 98).encode_image(&turned).unwrap(),
                _ => file = encode(turned.clone(), format),
            }
            let file = tagged(&file, format, &exif(orientation, big_endian), late);
            let picture = Picture::decode(&file).unwrap();
            assert_eq!((picture.width, picture.height), (48, 32), "{orientation} in {format:?}");
            let tolerance = if format == ImageFormat::Jpeg { 16 } else { 0 };
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
fn the_first_orientation_of_several_segments_counts() {
    let file = encode(gradient(16, 8), ImageFormat::Jpeg);
    let turned = Picture::decode(&tagged(&file, ImageFormat::Jpeg, &exif(6, true), false)).unwrap();
    assert_eq!((turned.width, turned.height), (8, 16));
    let late = tagged(&file, ImageFormat::Jpeg, &exif(6, true), false);
    for first in [b"".as_slice(), b"nonsense", &exif(0, false), &exif(6, false)[..12]] {
        assert_eq!(Picture::decode(&tagged(&late, ImageFormat::Jpeg, first, false)).unwrap(), turned, "{first:?}");
    }
    // As a LONG.
    let long = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
    for format in FORMATS {
        let picture = Picture::decode(&tagged(&encode(gradient(16, 8), format), format, long, true)).unwrap();
        assert_eq!((picture.width, picture.height), (8, 16), "{format:?}");
    }
}
