//! Files that are either whole or absent: written under a temporary name, synced, then renamed.
//!
//! A pipe or a device has no name to be replaced: it is written in place. [`check_outputs`] tells before any work
//! starts what cannot be written. [`read_text`] and [`read_at_most`] read small files within a bound.

mod check;
mod error;
mod read;
mod target;
#[cfg(test)]
mod tests;

pub use check::{check_apart, check_bundle_output, check_outputs, check_writable};
pub use check::{is_printed, is_standard_error, is_standard_output, is_written_in_place, replaced_file};
pub use error::WriteError;
pub use read::{read_at_most, read_checked, read_text};

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use target::{Target, folder};

/// Temporary names that are tried before giving up.
const MAX_TRIES: u32 = 100;
/// Bytes of a file's name that its temporary name begins with: most systems take 255.
const MAX_STEM_BYTES: usize = 200;

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
        Target::Replaced(file) => return replace(&file, fill).map_err(|source| WriteError::new(path, source)),
    }
    .map_err(|source| WriteError::in_place(path, source))
}

fn is_standard_input() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is standard input, which is only read")
}

fn fill_all(to: impl Write, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut to = BufWriter::new(to);
    fill(&mut to)?;
    to.flush()
}

fn replace(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    check::check_protection(path)?;
    let older = fs::metadata(path).ok();
    let (file, temporary) = create_beside(path, older.as_ref())?;
    let write = || {
        let mut file = BufWriter::new(file);
        fill(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)?;
        // The rename itself must survive a power cut; not every platform can open a folder.
        File::open(folder(path)).and_then(|folder| folder.sync_all()).or(Ok(()))
    };
    write().inspect_err(|_| {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_file(&temporary);
    })
}

/// A new file in the same folder, so that it can be renamed, with the permissions of the `older` one. Neither another
/// thread nor another process has its name.
fn create_beside(path: &Path, older: Option<&fs::Metadata>) -> io::Result<(File, PathBuf)> {
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidFilename, "the path names no file"))?;
    let stem = if name.len() > MAX_STEM_BYTES { "nestling".as_ref() } else { name };
    let random = RandomState::new();
    let mut tries = 0;
    loop {
        let mut name = stem.to_os_string();
        name.push(format!(".{:08x}.tmp", random.hash_one(tries) as u32));
        let temporary = path.with_file_name(name);
        match new_file(older).open(&temporary) {
            Ok(file) => {
                if let Some(older) = older {
                    keep_permissions(&file, older).inspect_err(|_| drop(fs::remove_file(&temporary)))?;
                }
                return Ok((file, temporary));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && tries < MAX_TRIES => tries += 1,
            Err(error) => return Err(error),
        }
    }
}

#[cfg(unix)]
fn new_file(older: Option<&fs::Metadata>) -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    if older.is_some() {
        // Nobody reads the new contents before they have the permissions of the old ones.
        options.mode(0o600);
    }
    options
}

#[cfg(not(unix))]
fn new_file(_: Option<&fs::Metadata>) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    options
}

/// Gives a file the permissions of another, and its owner and group where the system allows that.
#[cfg(unix)]
fn keep_permissions(file: &File, older: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    // Only the administrator gives files away; a member may change the group. The owner comes first, because a change
    // of it resets permissions.
    if fchown(file, Some(older.uid()), Some(older.gid())).is_err() {
        let _ = fchown(file, None, Some(older.gid()));
    }
    file.set_permissions(fs::Permissions::from_mode(older.mode() & 0o777))
}

#[cfg(not(unix))]
fn keep_permissions(_: &File, _: &fs::Metadata) -> io::Result<()> {
    Ok(()) // a write-protected file is not replaced at all
}
