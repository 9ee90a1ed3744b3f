//! The format of a file, by its first bytes.

mod names;
mod text;

use crate::PictureError;

/// The formats that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Jpeg,
    Png,
    WebP,
}

/// The kind of the file, and the remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Other {
    name: &'static str,
    remedy: &'static str,
}

impl Other {
    const fn new(name: &'static str, remedy: &'static str) -> Self {
        Self { name, remedy }
    }
}

const CONVERT: &str = "convert it to JPEG, PNG or WebP";
const GIVE: &str = "give a JPEG, PNG or WebP file";
const AGAIN: &str = "copy or download it again";
const UNPACK: &str = "unpack it first";
const FRAME: &str = "save a frame of it as JPEG, PNG or WebP";

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Recognises a format that is read.
///
/// # Errors
/// [`PictureError::Format`] with the name of what it is instead.
pub fn recognise(bytes: &[u8]) -> Result<Format, PictureError> {
    read(bytes).ok_or_else(|| {
        let Other { name, remedy } = other(bytes);
        PictureError::Format { found: name, remedy }
    })
}

fn read(bytes: &[u8]) -> Option<Format> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(Format::Jpeg),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(Format::WebP),
        _ => bytes.starts_with(PNG).then_some(Format::Png),
    }
}

fn other(bytes: &[u8]) -> Other {
    if bytes.is_empty() {
        return Other::new("an empty file", AGAIN);
    }
    if bytes.iter().all(|&byte| byte == 0) {
        return Other::new("a file of zeros", AGAIN);
    }
    let known =
        mended(bytes).or_else(|| names::find(bytes)).or_else(|| text::find(bytes)).or_else(|| names::guess(bytes));
    known.unwrap_or(match bytes.len() {
        ..12 => Other::new("too short for a picture", AGAIN),
        _ => Other::new("of an unknown format", GIVE),
    })
}

/// Files that are read, but for a change of their first bytes.
fn mended(bytes: &[u8]) -> Option<Other> {
    const CUT: &str = "the beginning of a file";
    if PNG.starts_with(bytes)
        || bytes.len() < 12 && bytes.starts_with(b"RIFF")
        || matches!(bytes, [0xff] | [0xff, 0xd8])
    {
        return Some(Other::new(CUT, AGAIN));
    }
    if bytes.starts_with(b"\xff\xd8") {
        return Some(Other::new("a damaged JPEG file: no segment follows its start", AGAIN));
    }
    // Without carriage returns, with more of them, or without the highest bit.
    let is_png =
        |start: &[u8]| start.strip_prefix(b"PNG").is_some_and(|rest| rest.trim_ascii_start().first() == Some(&0x1a));
    if bytes.get(1..).is_some_and(is_png) || bytes.starts_with(b"\xc2\x89PNG") {
        return Some(Other::new(
            "a PNG file whose bytes were changed as those of a text",
            "copy it again in binary mode",
        ));
    }
    if bytes.starts_with(b"\xef\xbf\xbd\xef\xbf\xbd") || bytes.starts_with(b"\xc3\xbf\xc3\x98\xc3\xbf") {
        return Some(Other::new("a file whose bytes were changed as those of a text", "copy it again in binary mode"));
    }
    let without_mark = bytes.strip_prefix(b"\xef\xbb\xbf");
    let name = match (read(without_mark.unwrap_or(bytes).trim_ascii_start())?, without_mark) {
        (Format::Jpeg, Some(_)) => "a JPEG file behind a byte-order mark",
        (Format::Png, Some(_)) => "a PNG file behind a byte-order mark",
        (Format::WebP, Some(_)) => "a WebP file behind a byte-order mark",
        (Format::Jpeg, None) => "a JPEG file behind white space",
        (Format::Png, None) => "a PNG file behind white space",
        (Format::WebP, None) => "a WebP file behind white space",
    };
    Some(Other::new(name, "remove the bytes before it"))
}

#[cfg(test)]
mod tests;
