use super::*;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

#[test]
fn grey_stays_grey_and_other_kinds_become_colour_of_8_bits() {
    for format in [ImageFormat::Png, ImageFormat::Jpeg] {
        let grey = Picture::decode(&encode(image::GrayImage::from_pixel(9, 5, image::Luma([77])), format)).unwrap();
        assert_eq!((grey.format, &grey.bytes), (PixelFormat::Grey8, &vec![77; 45]), "{format:?}");
    }
    let write = |bytes: &[u8], color: ExtendedColorType| {
        let mut file = Vec::new();
        PngEncoder::new(&mut file).write_image(bytes, 2, 2, color).unwrap();
        Picture::decode(&file).unwrap()
    };
    let deep: Vec<u8> = [0u16, 0x7fff, 0xff00, 0xffff].into_iter().flat_map(u16::to_ne_bytes).collect();
    assert_eq!(write(&deep, ExtendedColorType::L16).bytes, [0, 127, 254, 255]);
    let deep: Vec<u8> = [0x0101u16, 0x8080, 0xffff].repeat(4).into_iter().flat_map(u16::to_ne_bytes).collect();
    assert_eq!(write(&deep, ExtendedColorType::Rgb16).bytes, [1, 128, 255, 255].repeat(4));
}

#[test]
fn webp_is_read_lossless_lossy_and_animated() {
    let lossless = Picture::decode(&encode(gradient(40, 30), ImageFormat::WebP)).unwrap();
    let png = Picture::decode(&encode(gradient(40, 30), ImageFormat::Png)).unwrap();
    assert_eq!(lossless, png);
    for file in [LOSSY, ANIMATED, LOSSY_ALPHA] {
        let picture = Picture::decode(file).unwrap();
        assert_eq!((picture.width, picture.height, picture.format), (40, 30, PixelFormat::Rgba8));
        let right = |(at, _): &(usize, _)| at % 40 >= 24;
        let pixels = picture.bytes.chunks(4).zip(png.bytes.chunks(4)).enumerate().filter(right);
        for (at, (given, expected)) in pixels {
            let close = given.iter().zip(expected).all(|(a, b)| a.abs_diff(*b) <= 24);
            assert!(close, "{at}: {given:?} is not {expected:?}");
        }
    }
}

#[test]
fn what_is_no_picture_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    let error = Picture::open(&path).unwrap_err();
    assert!(matches!(error, PictureError::Open { .. }) && error.to_string().contains("check the path"), "{error}");
    let error = Picture::open(folder.path()).unwrap_err();
    assert!(matches!(error, PictureError::Open { .. }) && error.to_string().contains("it is a folder"), "{error}");
    for (bytes, name) in [(b"".as_slice(), "empty"), (b"GIF89a and so on", "GIF"), (b"just text", "text")] {
        std::fs::write(&path, bytes).unwrap();
        let error = Picture::open(&path).unwrap_err();
        let is_format = |source: &PictureError| matches!(source, PictureError::Format { .. });
        assert!(matches!(&error, PictureError::InFile { source, .. } if is_format(source)), "{error}");
        assert_eq!((error.code(), error.path()), (Picture::decode(bytes).unwrap_err().code(), Some(&*path)));
        assert!(error.to_string().contains(name), "{error}");
    }
    // By content, whatever the name says.
    for format in FORMATS {
        std::fs::write(&path, encode(gradient(6, 4), format)).unwrap();
        assert_eq!(Picture::open(&path).unwrap().bytes.len(), 6 * 4 * 4);
    }
}

#[test]
fn a_decoder_is_quoted_in_plain_words() {
    let png = encode(gradient(6, 4), ImageFormat::Png);
    let mut changed = png.clone();
    let last = png.len() - 13;
    changed[last] ^= 1;
    let mut header = png.clone();
    header[29] ^= 1;
    let unknown = [&png[..33], b"\0\0\0\0ABCD\xdb\x17\x20\xa5", &png[33..]].concat();
    for (file, words) in
        [(changed, "checksum of its chunk IDAT"), (header, "checksum of its chunk IHDR"), (unknown, "ABCD")]
    {
        let error = Picture::decode(&file).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains(['{', '\n', '\\']), "{error}");
    }
}
