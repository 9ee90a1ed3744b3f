//! JPEG files of rare kinds, and files whose data end where they should not.

use super::*;

/// Where the data of the first scan begin.
fn data_at(file: &[u8]) -> usize {
    let scan = file.windows(2).position(|pair| pair == b"\xff\xda").unwrap();
    scan + 2 + usize::from(u16::from_be_bytes([file[scan + 2], file[scan + 3]]))
}

fn marker_at(file: &[u8], marker: u8) -> usize {
    file.windows(2).position(|pair| pair == [0xff, marker]).unwrap()
}

fn plain() -> Vec<u8> {
    encode(gradient(40, 30), ImageFormat::Jpeg)
}

fn grey() -> Vec<u8> {
    let pixel = |x: u32, y: u32| image::Luma([(5 * x + 3 * (y % 7)) as u8]);
    encode(image::GrayImage::from_fn(40, 30, pixel), ImageFormat::Jpeg)
}

fn refused(file: &[u8], what: &str) {
    match Picture::decode(file) {
        Err(PictureError::CutOff { .. } | PictureError::Damaged { .. }) => {}
        other => panic!("{what}: {other:?}"),
    }
}

#[test]
fn a_gap_in_the_middle_is_noticed() {
    for (name, file) in
        [("plain", plain()), ("grey", grey()), ("restarts", RESTARTS.into()), ("progressive", PROGRESSIVE.into())]
    {
        let (start, length) = (data_at(&file), file.len());
        let gap = (length - start) / 4;
        for at in start..length - gap - 2 {
            refused(&[&file[..at], &file[at + gap..]].concat(), &format!("{name}, {gap} bytes cut out at {at}"));
            let hole = [&file[..at], &vec![0; gap], &file[at + gap..]].concat();
            refused(&hole, &format!("{name}, {gap} zeros at {at}"));
        }
    }
}

#[test]
fn files_that_were_decoded_before_have_the_same_pixels_in_three_bytes_or_four() {
    let plain = plain();
    let without_end = plain[..plain.len() - 2].to_vec();
    for (name, file) in [
        ("plain", plain.clone()),
        ("grey", grey()),
        ("restarts", RESTARTS.into()),
        ("progressive", PROGRESSIVE.into()),
        ("without an end", without_end.clone()),
        ("zeros behind it", [plain.as_slice(), &[0; 99]].concat()),
        ("another file behind it", [plain.as_slice(), RESTARTS].concat()),
        ("filled up and ended", [&without_end, [0xff; 9].as_slice(), &[0xd9]].concat()),
        ("started twice", [&[0xff, 0xd8], plain.as_slice()].concat()),
    ] {
        let options = PictureOptions::default();
        let Ok(first) = Picture::decode_with(&file, &options) else { panic!("{name} is refused") };
        assert_eq!(Picture::decode_with(&file, &options.trusted(true)).unwrap(), first, "{name}");
        let packed = Picture::decode_with(&file, &options.packed(true)).unwrap();
        assert_eq!(Picture::decode_with(&file, &options.packed(true).trusted(true)).unwrap(), packed, "{name}");
        let colours: Vec<u8> = match first.format {
            PixelFormat::Rgba8 => first.bytes.as_chunks::<4>().0.iter().flat_map(|&[r, g, b, _]| [r, g, b]).collect(),
            _ => first.bytes.clone(),
        };
        assert!(packed.bytes == colours && packed.format != PixelFormat::Rgba8, "{name}");
    }
}

#[test]
fn restart_markers_must_follow_one_another() {
    let markers: Vec<usize> = (data_at(RESTARTS)..RESTARTS.len() - 2)
        .filter(|&at| RESTARTS[at] == 0xff && (0xd0..=0xd7).contains(&RESTARTS[at + 1]))
        .collect();
    let whole = Picture::decode(RESTARTS).unwrap();
    assert_eq!(markers.len(), 2);
    for &at in &markers {
        let mut other = RESTARTS.to_vec();
        other[at + 1] ^= 2;
        let error = Picture::decode(&other).unwrap_err();
        assert!(error.to_string().contains("restart marker has a wrong number"), "{at}: {error}");
        let filled = [&RESTARTS[..at], &[0xff; 5], &RESTARTS[at..]].concat();
        assert_eq!(Picture::decode(&filled).unwrap(), whole, "fill bytes before the marker at {at}");
    }
    refused(&[&RESTARTS[..markers[0]], &RESTARTS[markers[1]..]].concat(), "an interval is missing");
}

#[test]
fn without_an_end_marker_anything_may_follow_the_pixels() {
    for file in [plain(), grey(), RESTARTS.to_vec(), PROGRESSIVE.to_vec()] {
        let whole = Picture::decode(&file).unwrap();
        let pixels = &file[..file.len() - 2];
        let samsung = b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1436428866882SEFHk\0\0\0SEFT";
        let tails: [&[u8]; 9] =
            [b"\r\n", b"\n", &[0], &[0; 2], &[0; 4096], &[0xff; 99], samsung, &file, b"a\xff\x02b\xff\xdac\xff\xd8"];
        for tail in tails {
            assert_eq!(Picture::decode(&[pixels, tail].concat()).unwrap(), whole, "{tail:?}");
        }
        // A few bytes, or a fill, before the end marker.
        for fill in [[0; 512].as_slice(), &[0], &[0xff; 9], b"\r\n"] {
            assert_eq!(Picture::decode(&[pixels, fill, b"\xff\xd9"].concat()).unwrap(), whole, "{fill:?}");
        }
    }
}

#[test]
fn zeros_do_not_stand_for_missing_pixels() {
    for (name, file) in
        [("plain", plain()), ("grey", grey()), ("restarts", RESTARTS.into()), ("progressive", PROGRESSIVE.into())]
    {
        let whole = Picture::decode(&file).unwrap();
        // Only the last unit of pixels may differ: the bits that are missing may have been zeros.
        let in_last_unit = |at: usize| at % 40 >= 32 && at / 40 >= 16;
        for length in data_at(&file)..file.len() - 2 {
            let tails: [&[u8]; 2] = [b"", b"\xff\xd9"];
            for tail in tails {
                let zeros = [&file[..length], &[0; 4096], tail].concat();
                let Ok(picture) = Picture::decode(&zeros) else { continue };
                let pixels = picture.bytes.len() / 1200;
                let mut pairs = picture.bytes.chunks(pixels).zip(whole.bytes.chunks(pixels)).enumerate();
                assert!(length > file.len() - 5, "{name}, {length} of {} bytes", file.len());
                assert!(pairs.all(|(at, (a, b))| a == b || in_last_unit(at)), "{name}, {length} of {}", file.len());
            }
        }
    }
}

#[test]
fn kinds_that_are_not_read_are_named() {
    let file = plain();
    let frame = marker_at(&file, 0xc0);
    let changed = |at: usize, value: u8| {
        let mut file = file.clone();
        file[at] = value;
        file
    };
    let jpeg_ls =
        b"\xff\xd8\xff\xf7\0\x0b\x08\0\x10\0\x10\x01\x01\x11\0\xff\xda\0\x08\x01\x01\0\0\0\0\0\0\xff\xd9".to_vec();
    for (file, kind) in [
        (changed(frame + 1, 0xc9), "arithmetic"),
        (changed(frame + 1, 0xca), "arithmetic"),
        (changed(frame + 1, 0xc3), "lossless"),
        (changed(frame + 1, 0xc5), "hierarchical"),
        (changed(frame + 4, 12), "12 bits"),
        (jpeg_ls, "JPEG-LS"),
    ] {
        let error = Picture::decode(&file).unwrap_err();
        assert!(matches!(error, PictureError::Unsupported { .. }), "{error}");
        assert!(error.to_string().contains(kind) && error.to_string().contains("save it as"), "{error}");
    }
    let error = Picture::decode(b"\xff\xd8\xff\xd9").unwrap_err().to_string();
    assert!(error.contains("no pixels") && !error.contains('\n'), "{error}");
}

#[test]
fn a_file_of_a_camera_without_tables_is_read_with_those_of_the_standard() {
    for file in [plain(), grey()] {
        let mut bare = file[..2].to_vec();
        let mut at = 2;
        while file[at + 1] != 0xda {
            let end = at + 2 + usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
            bare.extend(if file[at + 1] == 0xc4 { &[] } else { &file[at..end] });
            at = end;
        }
        bare.extend(&file[at..]);
        assert!(bare.len() + 200 < file.len());
        assert_eq!(Picture::decode(&bare).unwrap(), Picture::decode(&file).unwrap());
    }
}

#[test]
fn the_height_may_stand_behind_the_first_scan() {
    let file = plain();
    let mut late = file.clone();
    let frame = marker_at(&file, 0xc0);
    late[frame + 5..frame + 7].fill(0);
    let error = Picture::decode(&late).unwrap_err().to_string();
    assert!(error.contains("its height is missing"), "{error}");
    late.splice(file.len() - 2..file.len() - 2, *b"\xff\xdc\0\x04\0\x1e");
    assert_eq!(Picture::decode(&late).unwrap(), Picture::decode(&file).unwrap());
    assert!(matches!(Picture::decode(&late[..file.len() - 9]).unwrap_err(), PictureError::CutOff { .. }));
}

#[test]
fn a_start_marker_may_be_written_twice() {
    let file = plain();
    assert_eq!(Picture::decode(&[b"\xff\xd8", file.as_slice()].concat()).unwrap(), Picture::decode(&file).unwrap());
}
