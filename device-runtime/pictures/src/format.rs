//! The format of a file, by its first bytes.

use crate::PictureError;

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
    WebP,
}

/// Beginnings of files that are often taken for pictures: where the bytes are, the bytes, the name.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (0, b"GIF8", "a GIF file"),
    (0, b"BM", "a BMP file"),
    (0, b"II*\0", "a TIFF or raw camera file"),
    (0, b"MM\0*", "a TIFF or raw camera file"),
    (0, b"II+\0", "a BigTIFF file"),
    (0, b"MM\0+", "a BigTIFF file"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL file"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 file"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"qoif", "a QOI file"),
    (0, b"\0\0\x01\0", "an ICO file"),
    (0, b"DDS ", "a DDS file"),
    (0, b"\xabKTX 1", "a KTX file"),
    (0, b"\xabKTX 2", "a KTX2 file"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (0, b"#?RADIANCE", "a Radiance HDR file"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\xfd7zXZ\0", "an xz file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (0, b"\x89NEST\r\n\x1a", "a bundle of Nestling"),
    (8, b"AVI ", "an AVI video"),
    (8, b"WAVE", "a WAV file"),
];

/// Brands of the ISO base media format, in which HEIC and AVIF files are.
const BRANDS: &[(&[u8], &str)] = &[
    (b"avif", "an AVIF file"),
    (b"avis", "an AVIF file"),
    (b"heic", "a HEIC file"),
    (b"heix", "a HEIC file"),
    (b"heim", "a HEIC file"),
    (b"heis", "a HEIC file"),
    (b"hevc", "a HEIC file"),
    (b"hevx", "a HEIC file"),
    (b"mif1", "a HEIC (HEIF) file"),
    (b"msf1", "a HEIC (HEIF) file"),
    (b"crx ", "a raw camera file (CR3)"),
    (b"qt  ", "a QuickTime video"),
];

/// Recognises a format that is read.
///
/// # Errors
/// [`PictureError::Format`] with the name of what it is instead.
pub fn recognise(bytes: &[u8]) -> Result<Format, PictureError> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Ok(Format::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Ok(Format::Png),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Format::WebP),
        _ => Err(PictureError::Format { found: other(bytes) }),
    }
}

fn other(bytes: &[u8]) -> &'static str {
    if bytes.is_empty() {
        return "an empty file";
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return iso_media(bytes);
    }
    let begins = |&&(at, start, _): &&(usize, &[u8], &str)| bytes.get(at..).is_some_and(|rest| rest.starts_with(start));
    if let Some(&(_, _, name)) = OTHERS.iter().find(begins) {
        return name;
    }
    text(bytes).unwrap_or(if bytes.len() < 12 { "too short for a picture" } else { "of an unknown format" })
}

/// The major brand decides; where it is the container's own, the compatible ones behind it do.
fn iso_media(bytes: &[u8]) -> &'static str {
    let length = bytes.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let brands = bytes.get(8..length.clamp(16, 256).min(bytes.len())).unwrap_or_default();
    let named = |brand: &[u8]| BRANDS.iter().find(|(known, _)| *known == brand).map(|&(_, name)| name);
    let [major, compatible @ ..] = brands.as_chunks::<4>().0 else { return "an MP4 video" };
    let specific = compatible.iter().filter(|brand| !matches!(*brand, b"mif1" | b"msf1"));
    match major {
        b"mif1" | b"msf1" => specific.clone().find_map(|brand| named(brand)).or(named(major)),
        _ => named(major),
    }
    .unwrap_or("an MP4 video")
}

/// The name of a text: its first bytes say whether it is one.
fn text(bytes: &[u8]) -> Option<&'static str> {
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let start = &start[..start.len().min(1024)];
    let readable = match std::str::from_utf8(start) {
        Ok(readable) => readable,
        // Cut within a character.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(&start[..error.valid_up_to()]).ok()?,
        Err(_) => return None,
    };
    if readable.chars().any(|one| one.is_control() && !one.is_whitespace()) {
        return None;
    }
    let lower = readable.trim_start().to_ascii_lowercase();
    Some(match () {
        () if lower.starts_with("<!doctype html") || lower.contains("<html") => "an HTML page",
        () if lower.contains("<svg") => "an SVG file",
        () if lower.starts_with("<?xml") => "an XML file",
        () if lower.starts_with("version https://git-lfs") => "a pointer of Git LFS, not the file itself",
        () => "a text file",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_other_format_is_named() {
        let heic = |major: &[u8; 4], compatible: &[u8]| {
            let length = 16 + compatible.len() as u32;
            [&length.to_be_bytes(), b"ftyp".as_slice(), major, &[0; 4], compatible, &[0; 32]].concat()
        };
        let named: &[(Vec<u8>, &str)] = &[
            (Vec::new(), "empty"),
            (b"\xff\xd8".to_vec(), "too short"),
            (b"GIF89a\x01\0\x01\0".to_vec(), "GIF"),
            (b"BM\x36\0\0\0".to_vec(), "BMP"),
            (b"II*\0\x08\0\0\0".to_vec(), "TIFF"),
            (b"MM\0*\0\0\0\x08".to_vec(), "TIFF"),
            (b"%PDF-1.7\n".to_vec(), "PDF"),
            (heic(b"heic", b"mif1heic"), "HEIC"),
            (heic(b"mif1", b"mif1heic"), "HEIC"),
            (heic(b"mif1", b"mif1"), "HEIC"),
            (heic(b"avif", b"avifmif1miaf"), "AVIF"),
            (heic(b"mif1", b"miafavif"), "AVIF"),
            (heic(b"isom", b"isommp41"), "MP4"),
            (b"\n <!DOCTYPE html><title>404</title>".to_vec(), "HTML"),
            (b"\xef\xbb\xbf<html lang=\"de\">\xc3\xbc".to_vec(), "HTML"),
            (b"<?xml version=\"1.0\"?><svg/>".to_vec(), "SVG"),
            (b"{\"error\": 403}".to_vec(), "text"),
            (b"\xff\x0a\xfa\x1f".to_vec(), "JPEG XL"),
            (b"RIFF\x24\0\0\0WAVEfmt ".to_vec(), "WAV"),
            (vec![7, 200, 3, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9], "unknown"),
        ];
        for (bytes, name) in named {
            let error = recognise(bytes).unwrap_err();
            assert!(error.to_string().contains(name), "{bytes:?}: {error}");
        }
        assert_eq!(recognise(b"RIFF\x24\0\0\0WEBPVP8 ").unwrap(), Format::WebP);
    }
}
