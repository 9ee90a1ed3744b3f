//! Texts that stand where a picture should be.

use super::{AGAIN, CONVERT, GIVE, Other};

/// So much of a file tells whether it is a text, and which.
const LOOKED_AT: usize = 1024;
const PAGE: Other = Other::new("an HTML page", "download the picture itself");

/// The name of a text: its first bytes say whether it is one.
pub fn find(bytes: &[u8]) -> Option<Other> {
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    let text = utf_16(start).or_else(|| utf_8(start))?;
    if text.chars().any(|one| one.is_control() && !one.is_whitespace()) {
        return None;
    }
    Some(named(text.trim_start()))
}

fn utf_8(start: &[u8]) -> Option<String> {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    match std::str::from_utf8(start) {
        Ok(text) => Some(text.to_owned()),
        // Cut within a character.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            Some(String::from_utf8_lossy(&start[..error.valid_up_to()]).into_owned())
        }
        Err(_) => None,
    }
}

/// With a byte-order mark, or with a `<` in front, as pages and XML have it.
fn utf_16(start: &[u8]) -> Option<String> {
    let is_little = match start {
        [0xff, 0xfe, ..] | [b'<', 0, ..] => true,
        [0xfe, 0xff, ..] | [0, b'<', ..] => false,
        _ => return None,
    };
    let unit = |pair: &[u8; 2]| if is_little { u16::from_le_bytes(*pair) } else { u16::from_be_bytes(*pair) };
    let units: Vec<u16> = start.as_chunks::<2>().0.iter().map(unit).collect();
    let text = String::from_utf16(units.strip_suffix(&[0xd800]).unwrap_or(&units)).ok()?;
    Some(text.trim_start_matches('\u{feff}').to_owned())
}

fn named(text: &str) -> Other {
    let lower = text.to_ascii_lowercase();
    let has = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let is_tagged = lower.starts_with('<');
    // A page may hold drawings, and a drawing may hold parts of a page: the first tag decides.
    let drawing = lower.find("<svg").unwrap_or(usize::MAX);
    let page = ["<!doctype html", "<html", "<head", "<body", "<title", "<script", "<meta", "<div", "<h1", "<p>"];
    let page = page.iter().filter_map(|tag| lower.find(tag)).min().unwrap_or(usize::MAX);
    match () {
        () if lower.starts_with("version https://git-lfs") => {
            Other::new("a pointer of Git LFS, not the file itself", "fetch the file with `git lfs pull`")
        }
        () if (is_tagged || has(&["<html"])) && page < drawing => PAGE,
        () if drawing < usize::MAX => Other::new("an SVG file", CONVERT),
        () if lower.starts_with("<?xml") => Other::new("an XML file", GIVE),
        () if lower.starts_with("data:image/")
            || ["/9j/", "iVBORw0KGgo", "UklGR"].iter().any(|one| text.starts_with(one)) =>
        {
            Other::new("a picture as Base64 text", "decode the Base64 text first")
        }
        () if lower.starts_with("#define ") && has(&["_width"]) => Other::new("an XBM file", CONVERT),
        () if text.is_empty() => Other::new("an empty text", AGAIN),
        () if lower.starts_with(['{', '[']) => Other::new("a JSON text", GIVE),
        () => Other::new("a text file", GIVE),
    }
}
