//! Names of the formats that are not read.

use super::{AGAIN, CONVERT, FRAME, GIVE, Other, UNPACK};

/// Beginnings of files: where the bytes are, the bytes, the name.
type Start = (usize, &'static [u8], &'static str);

const PICTURES: &[Start] = &[
    (0, b"GIF8", "a GIF file"),
    (0, b"BM", "a BMP file"),
    (8, b"CR\x02\0", "a raw camera file (CR2)"),
    (0, b"II*\0", "a TIFF or raw camera file"),
    (0, b"MM\0*", "a TIFF or raw camera file"),
    (0, b"II+\0", "a BigTIFF file"),
    (0, b"MM\0+", "a BigTIFF file"),
    (0, b"IIU\0", "a raw camera file (RW2)"),
    (0, b"IIRO", "a raw camera file (ORF)"),
    (0, b"IIRS", "a raw camera file (ORF)"),
    (0, b"MMOR", "a raw camera file (ORF)"),
    (0, b"FUJIFILMCCD-RAW", "a raw camera file (RAF)"),
    (6, b"HEAPCCDR", "a raw camera file (CRW)"),
    (0, b"\0MRM", "a raw camera file (MRW)"),
    (0, b"FOVb", "a raw camera file (X3F)"),
    (0, b"II\xbc", "a JPEG XR file"),
    (0, b"\xff\x0a", "a JPEG XL file"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL file"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 file"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 file"),
    (0, b"\x8aMNG\r\n\x1a\n", "an MNG file"),
    (0, b"\x8bJNG\r\n\x1a\n", "a JNG file"),
    (0, b"%PDF", "a PDF file"),
    (0, b"%!PS", "a PostScript or EPS file"),
    (0, b"\xc5\xd0\xd3\xc6", "an EPS file"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"gimp xcf", "a GIMP file"),
    (0, b"AT&TFORM", "a DjVu file"),
    (0, b"qoif", "a QOI file"),
    (0, b"FLIF", "a FLIF file"),
    (0, b"BPG\xfb", "a BPG file"),
    (0, b"\0\0\x01\0", "an ICO file"),
    (0, b"icns", "an ICNS file"),
    (0, b"DDS ", "a DDS file"),
    (0, b"\xabKTX 1", "a KTX file"),
    (0, b"\xabKTX 2", "a KTX2 file"),
    (0, b"\x13\xab\xa1\x5c", "an ASTC file"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR file"),
    (0, b"#?RADIANCE", "a Radiance HDR file"),
    (0, b"#?RGBE", "a Radiance HDR file"),
    (0, b"farbfeld", "a farbfeld file"),
    (0, b"SIMPLE  =", "a FITS file"),
    (128, b"DICM", "a DICOM file"),
    (0, b"\x59\xa6\x6a\x95", "a Sun raster file"),
    (0, b"\x01\xda", "an SGI file"),
    (0, b"/* XPM */", "an XPM file"),
    (0, b"\xd7\xcd\xc6\x9a", "a WMF file"),
    (40, b" EMF", "an EMF file"),
    (8, b"ACON", "an animated cursor"),
];

const VIDEOS: &[Start] = &[
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video"),
    (8, b"AVI ", "an AVI video"),
    (0, b"\0\0\x01\xba", "an MPEG video"),
    (0, b"\0\0\x01\xb3", "an MPEG video"),
    (0, b"FLV\x01", "a Flash video"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media video"),
    (4, b"moov", "a QuickTime video"),
    (4, b"mdat", "a QuickTime video"),
    (4, b"wide", "a QuickTime video"),
];

const ARCHIVES: &[Start] = &[
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip file"),
    (0, b"\xfd7zXZ\0", "an xz file"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"BZh", "a bzip2 file"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard file"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (257, b"ustar", "a tar archive"),
];

const REST: &[Start] = &[
    (0, b"\x89NEST\r\n\x1a", "a bundle of Nestling"),
    (8, b"WAVE", "a WAV file"),
    (0, b"OggS", "an Ogg file"),
    (0, b"ID3", "an MP3 file"),
    (0, b"\x93NUMPY", "a NumPy file"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"SQLite format 3\0", "an SQLite database"),
    (0, b"bplist00", "a property list"),
    (0, b"\x7fELF", "a program (ELF)"),
    (0, b"MZ", "a Windows program"),
    (0, b"RIFF", "a RIFF file of an unknown kind"),
];

/// Brands of the ISO base media format, in which HEIC and AVIF files are.
const BRANDS: &[(&[u8], &str, &str)] = &[
    (b"avif", "an AVIF file", CONVERT),
    (b"avis", "an AVIF file", CONVERT),
    (b"heic", "a HEIC file", CONVERT),
    (b"heix", "a HEIC file", CONVERT),
    (b"heim", "a HEIC file", CONVERT),
    (b"heis", "a HEIC file", CONVERT),
    (b"hevc", "a HEIC file", CONVERT),
    (b"hevx", "a HEIC file", CONVERT),
    (b"hevm", "a HEIC file", CONVERT),
    (b"hevs", "a HEIC file", CONVERT),
    (b"avci", "a HEIF file", CONVERT),
    (b"avcs", "a HEIF file", CONVERT),
    (b"j2ki", "a HEIF file", CONVERT),
    (b"j2is", "a HEIF file", CONVERT),
    (b"jpeg", "a HEIF file", CONVERT),
    (b"jpgs", "a HEIF file", CONVERT),
    (b"vvic", "a HEIF file", CONVERT),
    (b"vvis", "a HEIF file", CONVERT),
    (b"crx ", "a raw camera file (CR3)", CONVERT),
    (b"jp2 ", "a JPEG 2000 file", CONVERT),
    (b"jpx ", "a JPEG 2000 file", CONVERT),
    (b"jxl ", "a JPEG XL file", CONVERT),
    (b"qt  ", "a QuickTime video", FRAME),
    (b"M4A ", "an M4A sound file", GIVE),
    (b"M4B ", "an M4A sound file", GIVE),
    (b"isom", "an MP4 video", FRAME),
    (b"mp41", "an MP4 video", FRAME),
    (b"mp42", "an MP4 video", FRAME),
    (b"mp71", "an MP4 video", FRAME),
    (b"avc1", "an MP4 video", FRAME),
    (b"dash", "an MP4 video", FRAME),
    (b"MSNV", "an MP4 video", FRAME),
    (b"f4v ", "an MP4 video", FRAME),
    (b"XAVC", "an MP4 video", FRAME),
];

/// Beginnings of brands of which there are many versions.
const BRAND_FAMILIES: &[(&[u8], &str)] =
    &[(b"iso", "an MP4 video"), (b"M4V", "an MP4 video"), (b"3gp", "a 3GP video"), (b"3g2", "a 3GP video")];

/// The kind of a file by bytes that only its format has.
pub fn find(bytes: &[u8]) -> Option<Other> {
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(iso_media(bytes));
    }
    let begins = |&&(at, start, _): &&Start| bytes.get(at..).is_some_and(|rest| rest.starts_with(start));
    let tables = [(PICTURES, CONVERT), (VIDEOS, FRAME), (ARCHIVES, UNPACK), (REST, GIVE)];
    tables
        .iter()
        .find_map(|(table, remedy)| Some(Other::new(table.iter().find(begins)?.2, remedy)))
        .or_else(|| netpbm(bytes))
}

/// The major brand decides; where it is the container's own, or unknown, the compatible ones behind it do.
fn iso_media(bytes: &[u8]) -> Other {
    let length = bytes.first_chunk::<4>().map_or(0, |length| u32::from_be_bytes(*length) as usize);
    let brands = bytes.get(8..length.clamp(16, 256).min(bytes.len())).unwrap_or_default();
    let named = |brand: &[u8; 4]| {
        let known = BRANDS.iter().find(|(known, ..)| *known == brand);
        let family = || BRAND_FAMILIES.iter().find(|(start, _)| brand.starts_with(start));
        known.map(|&(_, name, remedy)| Other::new(name, remedy)).or(family().map(|&(_, name)| Other::new(name, FRAME)))
    };
    let [major, rest @ ..] = brands.as_chunks::<4>().0 else { return Other::new("the beginning of a file", AGAIN) };
    let compatible = || rest.get(1..).unwrap_or_default();
    let is_heif = |brand: &[u8; 4]| matches!(brand, b"mif1" | b"mif2" | b"msf1" | b"miaf");
    let found = named(major).or_else(|| compatible().iter().find_map(named));
    let heif = || (is_heif(major) || compatible().iter().any(is_heif)).then_some(Other::new("a HEIF file", CONVERT));
    found.or_else(heif).unwrap_or(Other::new("a media file (ISO base media) of an unknown brand", GIVE))
}

/// PBM, PGM, PPM, PAM and PFM: a letter and a digit, then white space.
fn netpbm(bytes: &[u8]) -> Option<Other> {
    let &[b'P', kind, space, ..] = bytes else { return None };
    let name = match kind {
        b'1' | b'4' => "a PBM file",
        b'2' | b'5' => "a PGM file",
        b'3' | b'6' => "a PPM file",
        b'7' => "a PAM file",
        b'F' | b'f' => "a PFM file",
        _ => return None,
    };
    (space.is_ascii_whitespace() || space == b'#').then_some(Other::new(name, CONVERT))
}

/// The kind of a file whose format has no bytes of its own: fields of its header that have few values decide.
pub fn guess(bytes: &[u8]) -> Option<Other> {
    let (&head, rest) = bytes.split_first_chunk::<18>()?;
    if let [10, 0 | 2..=5, 0 | 1, 1 | 2 | 4 | 8, ..] = head
        && rest.len() >= 110
    {
        return Some(Other::new("a PCX file", CONVERT));
    }
    if let [0, 0, 2, 0, 1..=255, 0, ..] = head {
        return Some(Other::new("a cursor file", CONVERT));
    }
    let [_, has_colours, kind, map @ .., width_1, width_2, height_1, height_2, depth, _] = head;
    let kinds: &[u8] = if has_colours == 1 { &[1, 9] } else { &[2, 3, 10, 11] };
    // The first and the number of the colours, and their bits; then the place of the corner.
    let colours_fit = if has_colours == 1 { [15, 16, 24, 32].contains(&map[4]) } else { map[..5] == [0; 5] };
    let is_tga = has_colours < 2
        && kinds.contains(&kind)
        && colours_fit
        && [8, 15, 16, 24, 32].contains(&depth)
        && (width_1 > 0 || width_2 > 0)
        && (height_1 > 0 || height_2 > 0);
    (is_tga || bytes.ends_with(b"TRUEVISION-XFILE.\0")).then_some(Other::new("a TGA file", CONVERT))
}
