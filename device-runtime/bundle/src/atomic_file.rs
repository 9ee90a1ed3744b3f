//! Files that are either whole or absent: written under a temporary name, synced, then renamed.
//!
//! A pipe or a device has no name to be replaced: it is written in place. [`check_outputs`] tells before any work
//! starts what cannot be written. [`read_text`] and [`read_at_most`] read small files within a bound.
//!
//! A process that is killed leaves its temporary file, `NAME.xxxxxxxx.tmp`. No reader takes it for anything else, and the
//! next write of the same file removes it (on Unix, where a lock tells that nobody writes it any more).

mod check;
pub mod disk;
mod error;
mod read;
#[cfg(test)]
mod stop_tests;
#[cfg(any(test, feature = "stopped-writes"))]
pub mod stopped;
mod target;
mod temporary;
#[cfg(test)]
mod tests;

pub use check::{check_apart, check_bundle_output, check_outputs, check_writable};
pub use check::{is_printed, is_standard_error, is_standard_output, is_written_in_place, replaced_file};
pub use error::WriteError;
pub use read::{read_at_most, read_checked, read_text};

#[cfg(unix)]
pub(crate) use temporary::is_at;

use disk::Written;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use target::{Target, folder};
use temporary::Temporary;

/// Writes `path` whole, or not at all.
///
/// A replaced file keeps its permissions, and where possible its owner. A link stays: the file that it names is
/// replaced. A pipe or a device, such as `/dev/stdout`, is written in place. Another hard link of a replaced file keeps
/// the old contents: only this name gets the new ones.
///
/// # Errors
/// [`WriteError`] if the folder is missing or read-only, the file is write-protected, or the disk is full. The
/// temporary file is removed.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), WriteError> {
    match Target::of(path).map_err(|source| WriteError::new(path, source))? {
        Target::StandardOutput => fill_all(io::stdout().lock(), fill),
        Target::StandardError => fill_all(io::stderr().lock(), fill),
        Target::StandardInput => return Err(WriteError::new(path, is_standard_input())),
        // Appending leaves what was written there before, if it is a file after all.
        Target::InPlace => OpenOptions::new().append(true).open(path).and_then(|file| fill_all(file, fill)),
        Target::Replaced(file) => {
            let older = fs::metadata(&file).ok();
            return replace(&file, older.as_ref(), fill).map_err(|source| WriteError::new(path, source));
        }
    }
    .map_err(|source| WriteError::in_place(path, source))
}

/// Copies a file with its permissions, whole or not at all. Unlike one that is renamed, it keeps its own name until
/// something takes its place: there is always one of that name.
///
/// # Errors
/// [`WriteError`] as of [`write_atomically`], and if the file cannot be read.
pub fn copy_atomically(from: &Path, to: &Path) -> Result<(), WriteError> {
    let copy = || {
        let Target::Replaced(to) = Target::of(to)? else { return Err(io::Error::other("it is no file")) };
        let mut file = File::open(from)?;
        let older = file.metadata()?;
        replace(&to, Some(&older), |out| io::copy(&mut file, out).map(drop))
    };
    copy().map_err(|source| WriteError::new(to, source))
}

fn is_standard_input() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is standard input, which is only read")
}

fn fill_all(to: impl Write, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut to = BufWriter::new(to);
    fill(&mut to)?;
    to.flush()
}

fn replace(
    path: &Path,
    older: Option<&fs::Metadata>,
    fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    check::check_protection(path)?;
    let temporary = Temporary::beside(path, older)?;
    let write = || {
        let mut out = BufWriter::new(Written(&temporary.file));
        fill(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?;
        disk::sync(&temporary.file)?;
        // On Unix it stays open and so locked: until it has its new name, nobody takes it for one that was left.
        disk::change(|| fs::rename(&temporary.path, path))?;
        // The rename itself must survive a power cut; not every platform can open a folder.
        File::open(folder(path)).and_then(|folder| disk::change(|| folder.sync_all())).or(Ok(()))
    };
    // Best effort: the first error is the one to report.
    write().inspect_err(|_| drop(temporary.remove()))
}
