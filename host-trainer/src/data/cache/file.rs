//! A file of squares of one size, read and written at places.

use nestling_bundle::atomic_file::disk;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Squares of so many bytes, one after the other.
#[derive(Debug)]
pub(super) struct PlacedFile {
    file: File,
    bytes: usize,
}

impl PlacedFile {
    /// Opens a file to read from.
    pub(super) fn open(path: &Path, bytes: usize) -> io::Result<Self> {
        Ok(Self { file: File::open(path)?, bytes })
    }

    /// Opens a file to add to, or makes it.
    pub(super) fn open_to_write(path: &Path, bytes: usize) -> io::Result<Self> {
        let file = disk::open(OpenOptions::new().read(true).write(true).create(true).truncate(false), path)?;
        Ok(Self { file, bytes })
    }

    /// Appends a square to `out`.
    pub(super) fn read(&self, place: u32, out: &mut Vec<u8>) -> io::Result<()> {
        let start = out.len();
        out.resize(start + self.bytes, 0);
        read_at(&self.file, &mut out[start..], self.offset(place)).inspect_err(|_| out.truncate(start))
    }

    /// Writes a square.
    pub(super) fn write(&self, place: u32, pixels: &[u8]) -> io::Result<()> {
        disk::write(pixels, |pixels| write_at(&self.file, pixels, self.offset(place)))
    }

    /// Makes sure that all squares are on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        disk::sync(&self.file)
    }

    /// Squares that are there as a whole.
    pub(super) fn count(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len() / self.bytes.max(1) as u64)
    }

    /// Drops all behind the first squares.
    pub(super) fn cut(&self, count: u32) -> io::Result<()> {
        disk::change(|| self.file.set_len(self.offset(count)))
    }

    fn offset(&self, place: u32) -> u64 {
        u64::from(place) * self.bytes as u64
    }
}

/// Sets the time of the last change to now.
pub(super) fn set_now(path: &Path) -> io::Result<()> {
    OpenOptions::new().append(true).open(path)?.set_modified(SystemTime::now())
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(unix)]
fn write_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

#[cfg(windows)]
fn read_at(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                bytes = &mut bytes[count..];
                offset += count as u64;
            }
        }
    }
    Ok(())
}

#[cfg(windows)]
fn write_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, offset)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            count => {
                bytes = &bytes[count..];
                offset += count as u64;
            }
        }
    }
    Ok(())
}
