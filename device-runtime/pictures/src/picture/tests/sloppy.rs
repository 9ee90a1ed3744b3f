//! Files that lack their end, or have something behind it, and files that lack pixels.

use super::*;
use image::codecs::jpeg::JpegEncoder;

/// Files of every kind: a JPEG whose thumbnail has an end marker of its own, and so on.
fn files() -> Vec<(&'static str, Vec<u8>)> {
    let jpeg = tagged(&encode(gradient(40, 30), ImageFormat::Jpeg), ImageFormat::Jpeg, b"thumbnail\xff\xd9", false);
    let mut sampled = Vec::new();
    JpegEncoder::new_with_quality(&mut sampled, 60).encode_image(&gradient(41, 35)).unwrap();
    vec![
        ("JPEG", jpeg),
        ("JPEG", sampled),
        ("JPEG", encode(image::GrayImage::from_fn(21, 9, |x, y| image::Luma([(9 * x + y) as u8])), ImageFormat::Jpeg)),
        ("JPEG", PROGRESSIVE.to_vec()),
        ("JPEG", RESTARTS.to_vec()),
        ("PNG", encode(gradient(40, 30), ImageFormat::Png)),
        ("PNG", INTERLACED.to_vec()),
        ("WebP", encode(gradient(40, 30), ImageFormat::WebP)),
        ("WebP", LOSSY.to_vec()),
        ("WebP", LOSSY_ALPHA.to_vec()),
        ("WebP", ANIMATED.to_vec()),
    ]
}

#[test]
fn a_file_cut_off_anywhere_is_accepted_only_with_all_pixels() {
    for (format, file) in files() {
        let whole = Picture::decode(&file).unwrap();
        let mut accepted = Vec::new();
        for length in 0..file.len() {
            match Picture::decode(&file[..length]) {
                Ok(picture) => {
                    assert_eq!(picture, whole, "{length} of {} bytes", file.len());
                    accepted.push(file.len() - length);
                }
                Err(PictureError::Format { .. }) => assert!(length < 12, "{length} bytes"),
                // Half an end marker is not counted.
                Err(PictureError::CutOff { bytes, .. }) => assert!(bytes == length || bytes + 1 == length, "{length}"),
                Err(error) => panic!("{length} of {} bytes of {format}: {error}", file.len()),
            }
        }
        match format {
            "JPEG" => assert_eq!(accepted, [2, 1], "all but the end marker"),
            // The end and the checksum of the pixels.
            "PNG" => assert!((1..=16).all(|missing| accepted.contains(&missing)), "{accepted:?}"),
            // The last chunk of some files is no pixel.
            _ => assert!(accepted.iter().all(|&missing| missing < 200), "{accepted:?}"),
        }
    }
}

#[test]
fn bytes_behind_the_end_are_ignored() {
    let other = encode(gradient(8, 8), ImageFormat::Jpeg);
    for (format, file) in files() {
        let whole = Picture::decode(&file).unwrap();
        for tail in [&[0; 500], other.as_slice(), b"\n", b"\xff\xd9", b"\xff\xda\x00\x02 and a video", &file] {
            assert_eq!(Picture::decode(&[&file, tail].concat()).unwrap(), whole, "{format}, {} bytes", tail.len());
        }
    }
}

#[test]
fn an_end_marker_behind_missing_pixels_makes_no_picture_of_them() {
    for (format, file) in files().into_iter().filter(|(format, _)| *format == "JPEG") {
        // Behind a scan of a progressive file, the picture is whole, but coarse.
        let is_between_scans = |length: usize| {
            let starts = |at: usize| file[at] == 0xff && [0xc4, 0xda].contains(&file[at + 1]);
            file == PROGRESSIVE && length > 229 && (starts(length) || starts(length - 1))
        };
        for length in 4..file.len() - 2 {
            match Picture::decode(&[&file[..length], b"\xff\xd9"].concat()) {
                Ok(picture) => assert!(is_between_scans(length) && picture.width == 40, "{length} of {}", file.len()),
                Err(PictureError::CutOff { .. } | PictureError::Damaged { .. }) => {}
                Err(error) => panic!("{format}: {error}"),
            }
        }
    }
}

#[test]
fn a_file_whose_rest_is_zeros_is_refused() {
    for (format, file) in files().into_iter().filter(|(format, _)| *format != "WebP") {
        for percent in [40, 60, 80, 90] {
            let kept = file.len() * percent / 100;
            let zeros = [&file[..kept], &vec![0; file.len() - kept]].concat();
            let error = Picture::decode(&zeros).expect_err(&format!("{format}, {percent} % of {} bytes", file.len()));
            assert!(matches!(error, PictureError::CutOff { .. } | PictureError::Damaged { .. }), "{error}");
        }
    }
}

#[test]
fn pixels_that_are_missing_in_the_middle_are_told_apart_from_a_cut_off_file() {
    let is_restart = |pair: &[u8]| pair[0] == 0xff && (0xd0..=0xd7).contains(&pair[1]);
    let marker = RESTARTS.windows(2).rposition(is_restart).unwrap();
    let gap = [&RESTARTS[..marker - 4], &RESTARTS[marker..]].concat();
    let error = Picture::decode(&gap).unwrap_err();
    assert!(matches!(error, PictureError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("pixels are missing at byte"), "{error}");
}

#[test]
fn a_changed_bit_of_png_pixels_is_noticed() {
    let file = encode(gradient(40, 30), ImageFormat::Png);
    let pixels = file.windows(4).position(|name| name == b"IDAT").unwrap() + 4;
    for at in pixels..file.len() - 12 {
        let mut changed = file.clone();
        changed[at] ^= 1;
        assert!(Picture::decode(&changed).is_err(), "byte {at} of {}", file.len());
    }
}

#[test]
fn only_the_first_frame_of_an_animation_must_be_there() {
    let whole = Picture::decode(ANIMATED).unwrap();
    let frames: Vec<usize> = (0..ANIMATED.len() - 4).filter(|&at| &ANIMATED[at..at + 4] == b"ANMF").collect();
    assert_eq!(frames.len(), 2);
    for length in frames[1]..ANIMATED.len() {
        assert_eq!(Picture::decode(&ANIMATED[..length]).unwrap(), whole, "{length} of {} bytes", ANIMATED.len());
    }
    for length in frames[0] + 8..frames[1] - 1 {
        let error = Picture::decode(&ANIMATED[..length]).unwrap_err();
        assert!(matches!(error, PictureError::CutOff { .. }), "{length} of {} bytes: {error}", ANIMATED.len());
    }
}

#[test]
fn metadata_that_are_cut_off_behind_the_pixels_are_no_fault() {
    let file = tagged(&encode(gradient(40, 30), ImageFormat::WebP), ImageFormat::WebP, &exif(6, false), true);
    let tag = file.windows(4).position(|name| name == b"EXIF").unwrap();
    let plain = Picture::decode(&encode(gradient(40, 30), ImageFormat::WebP)).unwrap();
    // A writer of metadata announces them in the flags.
    let mut file = file;
    file[20] |= 0x08;
    assert_eq!(Picture::decode(&file).unwrap().width, 30);
    for length in tag..tag + 16 {
        assert_eq!(Picture::decode(&file[..length]).unwrap(), plain, "{length} of {} bytes", file.len());
    }
}
