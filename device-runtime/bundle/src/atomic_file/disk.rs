//! Changes of a disk, one at a time, so that a test can stop them after each, as a crash does.
//!
//! Outside tests each is the system's call and nothing else.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

#[cfg(any(test, feature = "stopped-writes"))]
use super::stopped;

/// Renames, removes or cuts something.
///
/// # Errors
/// The system's.
pub fn change<T>(work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    #[cfg(any(test, feature = "stopped-writes"))]
    stopped::before_change()?;
    work()
}

/// Makes a file, or opens it to write.
///
/// # Errors
/// The system's.
pub fn open(options: &OpenOptions, path: &Path) -> io::Result<File> {
    let file = change(|| options.open(path))?;
    #[cfg(any(test, feature = "stopped-writes"))]
    stopped::opened(&file);
    Ok(file)
}

/// Makes sure that a file's contents are on the disk.
///
/// # Errors
/// The system's.
pub fn sync(file: &File) -> io::Result<()> {
    change(|| file.sync_all())?;
    #[cfg(any(test, feature = "stopped-writes"))]
    stopped::synced(file);
    Ok(())
}

/// Writes bytes with `work`, which is given those that are to be written.
///
/// # Errors
/// The system's.
pub fn write<T>(bytes: &[u8], work: impl FnOnce(&[u8]) -> io::Result<T>) -> io::Result<T> {
    #[cfg(any(test, feature = "stopped-writes"))]
    if let Some(part) = stopped::part(bytes)? {
        let _ = work(part);
        return Err(stopped::end());
    }
    work(bytes)
}

/// A file that is written through this module.
#[derive(Debug)]
pub struct Written<'a>(pub &'a File);

impl Write for Written<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // All of them: a part would be another point to stop at, which the counts of bytes have already.
        let mut file = self.0;
        write(bytes, |bytes| file.write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
