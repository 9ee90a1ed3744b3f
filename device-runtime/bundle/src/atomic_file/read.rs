use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Reads a file that should be small: a text of settings or a report. A device such as `/dev/zero` never ends.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] if it holds more than `limit` bytes, [`io::ErrorKind::IsADirectory`] for a folder, or
/// the system's error.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    // Not every system opens a folder, and none says so clearly.
    if fs::metadata(path)?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it holds more than {limit} bytes")));
    }
    Ok(bytes)
}

/// As [`read_at_most`], for a text in UTF-8.
///
/// # Errors
/// As [`read_at_most`], and [`io::ErrorKind::InvalidData`] if it is no text in UTF-8.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    let text = String::from_utf8(read_at_most(path, limit)?);
    text.map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not a text in UTF-8"))
}
