use super::*;

fn media(major: &[u8; 4], compatible: &[u8]) -> Vec<u8> {
    let length = 16 + compatible.len() as u32;
    [&length.to_be_bytes(), b"ftyp".as_slice(), major, &[0; 4], compatible, &[0; 32]].concat()
}

fn utf_16(text: &str, is_little: bool) -> Vec<u8> {
    let units = text.encode_utf16();
    if is_little { units.flat_map(u16::to_le_bytes).collect() } else { units.flat_map(u16::to_be_bytes).collect() }
}

/// The message for these bytes.
fn message(bytes: &[u8]) -> String {
    recognise(bytes).unwrap_err().to_string()
}

fn check(named: &[(Vec<u8>, &str)], remedy: &str) {
    for (bytes, name) in named {
        let message = message(bytes);
        assert!(
            message.contains(name) && message.contains(remedy),
            "{:02x?}: {message}",
            &bytes[..bytes.len().min(20)]
        );
    }
}

#[test]
fn every_other_picture_is_named() {
    let long = |start: &[u8]| [start, &[1; 200]].concat();
    let tga = [[0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 40, 0, 30, 0, 24, 0].as_slice(), &[9; 99]].concat();
    let tga_map = [[0, 1, 1, 0, 0, 0, 1, 24, 0, 0, 0, 0, 40, 0, 30, 0, 8, 0].as_slice(), &[9; 99]].concat();
    check(
        &[
            (b"GIF89a\x01\0\x01\0".to_vec(), "GIF"),
            (b"BM\x36\0\0\0".to_vec(), "BMP"),
            (b"II*\0\x08\0\0\0".to_vec(), "TIFF"),
            (b"MM\0*\0\0\0\x08".to_vec(), "TIFF"),
            (b"II*\0\x10\0\0\0CR\x02\0".to_vec(), "CR2"),
            (long(b"IIU\0\x18\0\0\0"), "RW2"),
            (long(b"FUJIFILMCCD-RAW 0201"), "RAF"),
            (long(b"\x8aMNG\r\n\x1a\n"), "MNG"),
            (long(b"\x8bJNG\r\n\x1a\n"), "JNG"),
            (long(b"icns\0\0\x10\0"), "ICNS"),
            (long(b"%!PS-Adobe-3.0 EPSF\n"), "EPS"),
            (b"%PDF-1.7\n".to_vec(), "PDF"),
            (long(b"P6\n40 30\n255\n"), "PPM"),
            (long(b"P5 40 30 255\n"), "PGM"),
            (long(b"\x0a\x05\x01\x08\0\0\0\0"), "PCX"),
            (tga, "TGA"),
            (tga_map, "TGA"),
            (long(b"\0\0\x01\0\x01\0"), "ICO"),
            (media(b"heic", b"mif1heic"), "HEIC"),
            (media(b"mif1", b"mif1heic"), "HEIC"),
            (media(b"mif1", b"mif1"), "HEIF"),
            (media(b"avci", b"mif1avci"), "HEIF"),
            (media(b"new1", b"mif1new1"), "HEIF"),
            (media(b"avif", b"avifmif1miaf"), "AVIF"),
            (media(b"mif1", b"miafavif"), "AVIF"),
            (b"\xff\x0a\xfa\x1f".to_vec(), "JPEG XL"),
            (b"<?xml version=\"1.0\"?><svg/>".to_vec(), "SVG"),
            (b"<svg><title>A</title></svg>".to_vec(), "SVG"),
        ],
        "convert it to JPEG, PNG or WebP",
    );
    assert_eq!(recognise(b"RIFF\x24\0\0\0WEBPVP8 ").unwrap(), Format::WebP);
}

#[test]
fn each_file_that_is_no_picture_gets_a_remedy_that_helps() {
    check(
        &[
            (media(b"isom", b"isommp41"), "MP4"),
            (media(b"iso6", b""), "MP4"),
            (media(b"new1", b"mp42new1"), "MP4"),
            (media(b"3gp5", b""), "3GP"),
        ],
        "save a frame of it",
    );
    check(&[(b"PK\x03\x04\0\0".to_vec(), "ZIP"), (b"\x1f\x8b\x08\0".to_vec(), "gzip")], "unpack it");
    check(
        &[
            (b"\n <!DOCTYPE html><title>404</title>".to_vec(), "HTML"),
            (b"\xef\xbb\xbf<html lang=\"de\">\xc3\xbc".to_vec(), "HTML"),
            (b"<!-- x -->\n<head>".to_vec(), "HTML"),
            (b"<html><body><svg/>".to_vec(), "HTML"),
            (utf_16("\u{feff}<html>", true), "HTML"),
            (utf_16("\u{feff}<html>", false), "HTML"),
            (utf_16("<!doctype html>", true), "HTML"),
        ],
        "download the picture itself",
    );
    check(
        &[
            (Vec::new(), "empty"),
            (b" \r\n".to_vec(), "empty"),
            (vec![0; 300], "zeros"),
            (b"\xff\xd8".to_vec(), "the beginning of a file"),
            (b"RIFF".to_vec(), "the beginning of a file"),
            (b"\x89PN".to_vec(), "the beginning of a file"),
            (b"\xff\xd8garbage".to_vec(), "damaged JPEG"),
            (b"\x07\xc8".to_vec(), "too short"),
        ],
        "copy or download it again",
    );
    check(
        &[
            (b"\x89PNG\n\x1a\n\0\0\0\x0dIHDR".to_vec(), "PNG"),
            (b"\x89PNG\r\r\n\x1a\r\n\0\0\0\x0dIHDR".to_vec(), "PNG"),
            (b"\x89PNG\n\n\x1a\n\0\0\0\x0dIHDR".to_vec(), "PNG"),
        ],
        "in binary mode",
    );
    check(
        &[
            (b"\xef\xbb\xbf\xff\xd8\xff\xe0 and so on".to_vec(), "a JPEG file behind a byte-order mark"),
            (b"\r\n\xff\xd8\xff\xe0 and so on".to_vec(), "a JPEG file behind white space"),
            (b"\n\x89PNG\r\n\x1a\n and so on".to_vec(), "a PNG file behind white space"),
        ],
        "remove the bytes before it",
    );
    check(&[(b"version https://git-lfs.github.com/spec/v1\n".to_vec(), "Git LFS")], "git lfs pull");
    check(&[(b"/9j/4AAQSkZJRgABAQ".to_vec(), "Base64"), (b"data:image/png;base64,iVBO".to_vec(), "Base64")], "decode");
    check(
        &[
            (b"RIFF\x24\0\0\0WAVEfmt ".to_vec(), "WAV"),
            (b"RIFF\x24\0\0\0ABCDfmt ".to_vec(), "RIFF"),
            (b"{\"error\": 403}".to_vec(), "JSON"),
            (b"hello".to_vec(), "text"),
            (media(b"new1", b"new2"), "unknown brand"),
            (vec![7, 200, 3, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "unknown"),
        ],
        "give a JPEG, PNG or WebP file",
    );
}
