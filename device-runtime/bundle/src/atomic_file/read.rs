use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// Bytes that [`read_checked`] shows first.
const BEGINNING: u64 = 4096;

/// Reads a file that should be small: a text of settings or a report. A device such as `/dev/zero` never ends.
///
/// # Errors
/// [`io::ErrorKind::FileTooLarge`] if it holds more than `limit` bytes, [`io::ErrorKind::IsADirectory`] for a folder,
/// or the system's error.
pub fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    read_checked(path, limit, |_| Ok(()))
}

/// As [`read_at_most`], for a file whose first bytes tell whether the rest is wanted.
///
/// # Errors
/// Those of [`read_at_most`], and what `check` says of the first bytes.
pub fn read_checked<E: From<io::Error>>(
    path: &Path,
    limit: u64,
    check: impl FnOnce(&[u8]) -> Result<(), E>,
) -> Result<Vec<u8>, E> {
    // Not every system opens a folder, and none says so clearly.
    if fs::metadata(path)?.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder").into());
    }
    // A pipe gives its bytes once, so it is opened once.
    let (mut file, mut bytes) = (File::open(path)?, Vec::new());
    file.by_ref().take(BEGINNING).read_to_end(&mut bytes)?;
    check(&bytes)?;
    file.take(limit.saturating_add(1).saturating_sub(bytes.len() as u64)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it holds more than {limit} bytes")).into());
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
