use super::flat_jpeg::flat_jpeg;
use super::*;
use nestling_core::image::ImageError;

#[test]
fn sides_that_no_image_has_are_typed_errors() {
    for format in FORMATS {
        for (width, height) in [(1, 1), (1, 9), (9, 1)] {
            let error = Picture::decode(&encode(image::RgbImage::new(width, height), format)).unwrap_err();
            assert!(error.to_string().ends_with("; enlarge it, or give another picture"), "{error}");
            match error {
                PictureError::Size(ImageError::Size { width: w, height: h, smallest: 2, largest: 1_048_576 }) => {
                    assert_eq!((w, h), (width, height));
                }
                other => panic!("{other}"),
            }
        }
    }
}

#[test]
fn long_sides_lose_as_much_at_both_ends() {
    for (width, height) in [(16_384, 2), (2, 16_384), (20_000, 3), (3, 20_001)] {
        let pixel = |x: u32, y: u32| image::Luma([((x.max(y) * 255) / width.max(height)) as u8]);
        let file = encode(image::GrayImage::from_fn(width, height, pixel), ImageFormat::Png);
        let picture = Picture::decode(&file).unwrap();
        let kept = |side: u32| if side > 16_384 { 16_384 - side % 2 } else { side };
        assert_eq!((picture.width, picture.height), (kept(width), kept(height)));
        let cut = |side: u32| (side - kept(side)) / 2;
        for (x, y) in [(0, 0), (picture.width / 2, picture.height / 2), (picture.width - 1, picture.height - 1)] {
            let given = picture.bytes[(y * picture.width + x) as usize];
            assert_eq!(given, pixel(x + cut(width), y + cut(height)).0[0], "({x}, {y})");
        }
    }
    let panorama = Picture::decode(&flat_jpeg(20_000, 1000)).unwrap();
    assert_eq!((panorama.width, panorama.height, panorama.bytes[0]), (16_384, 1000, 128));
}

#[test]
fn photographs_of_200_megapixels_fit_into_100_mebibytes() {
    let file = flat_jpeg(16_320, 12_240);
    let options = PictureOptions::default().max_bytes(100 << 20);
    let picture = Picture::decode_with(&file, &options).unwrap();
    assert_eq!((picture.width, picture.height), (4080, 3060));
    assert!(picture.bytes.iter().all(|&value| value == 128));
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
fn a_halved_photograph_is_the_photograph() {
    let large = gradient(4200, 4110);
    let picture = Picture::decode(&encode(large.clone(), ImageFormat::Jpeg)).unwrap();
    assert_eq!((picture.width, picture.height), (2100, 2055));
    for (at, pixel) in picture.bytes.chunks(4).enumerate().step_by(977) {
        let expected = large.get_pixel(2 * (at as u32 % 2100), 2 * (at as u32 / 2100)).0;
        assert!(expected.iter().zip(pixel).all(|(a, b)| a.abs_diff(*b) <= 4), "{at}: {pixel:?} is not {expected:?}");
    }
}

#[test]
fn a_picture_that_does_not_fit_is_halved_or_else_refused_by_the_option() {
    let decode = |limit| Picture::decode_with(&flat_jpeg(4000, 3000), &PictureOptions::default().max_bytes(limit));
    // One byte a pixel of what is decoded and of the picture.
    assert_eq!(decode(24_000_000).unwrap().width, 4000);
    assert_eq!(decode(23_999_999).unwrap().width, 2000);
    let error = decode(8_000_000).unwrap_err();
    assert!(matches!(error, PictureError::TooLarge { width: 4000, height: 3000, limit: 8_000_000, .. }), "{error}");
    assert!(error.to_string().contains("PictureOptions::max_bytes"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo");
    std::fs::write(&path, flat_jpeg(80, 80)).unwrap();
    let error = Picture::open_with(&path, &PictureOptions::default().max_bytes(100)).unwrap_err();
    assert!(error.code() == "picture_file_too_large" && error.to_string().contains("max_bytes"), "{error}");
}

#[test]
fn the_header_tells_the_size_of_the_picture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo");
    let options = PictureOptions::default();
    for file in FORMATS.map(|format| tagged(&encode(gradient(48, 32), format), format, &exif(6, false), true)) {
        std::fs::write(&path, &file).unwrap();
        let picture = Picture::open(&path).unwrap();
        assert_eq!((picture.width, picture.height), (32, 48));
        assert_eq!(Picture::read_size(&path, &options).unwrap(), (32, 48));
    }
    // The pixels need not be there.
    std::fs::write(&path, &flat_jpeg(9000, 8200)[..1000]).unwrap();
    let error = Picture::read_size(&path, &options).unwrap_err();
    assert!(error.to_string().contains("cannot hold 9000x8200 pixels"), "{error}");
    std::fs::write(&path, &flat_jpeg(9000, 8200)[..400_000]).unwrap();
    assert_eq!(Picture::read_size(&path, &options).unwrap(), (2250, 2050));
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
    let error = Picture::decode(&png).unwrap_err();
    assert!(matches!(error, PictureError::Implausible { width: 16_384, height: 16_384, .. }), "{error}");
    let error = Picture::decode(&jpeg).unwrap_err();
    assert!(matches!(error, PictureError::CutOff { .. }), "{error}");
    // A progressive file needs memory for all its coefficients: it must be plausible, and then it must fit.
    jpeg[frame + 1] = 0xc2;
    let error = Picture::decode(&jpeg).unwrap_err();
    assert!(matches!(error, PictureError::Implausible { width: 16_384, height: 16_384, .. }), "{error}");
    let segment = [[0xff, 0xfe, 0xff, 0xff].as_slice(), &[0; 0xfffd]].concat();
    jpeg.splice(2..2, segment.repeat(5));
    let error = Picture::decode(&jpeg).unwrap_err();
    assert!(matches!(error, PictureError::TooLarge { width: 16_384, .. }), "{error}");
    // A few bytes of WebP may well hold that many pixels.
    let webp = encode(image::RgbImage::new(9, 9), ImageFormat::WebP);
    let at = webp.windows(4).position(|name| name == b"VP8L").unwrap() + 9;
    let mut large = webp.clone();
    large[at..at + 4].copy_from_slice(&(0x3ffe_u32 | 0x3ffe << 14).to_le_bytes());
    let error = Picture::decode(&large).unwrap_err();
    assert!(matches!(error, PictureError::TooLarge { width: 16_383, height: 16_383, .. }), "{error}");
}
