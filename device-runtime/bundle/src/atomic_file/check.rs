use super::WriteError;
use super::target::{Target, folder};
use super::temporary::Temporary;
use crate::format::MAGIC;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Checks that [`write_atomically`](super::write_atomically) can write `path`, before work starts whose result goes
/// there. It changes nothing, and does not open a pipe or a device.
///
/// # Errors
/// [`WriteError`] if the folder is missing or read-only, or the file is a folder, a socket or write-protected.
pub fn check_writable(path: &Path) -> Result<(), WriteError> {
    let check = || match Target::of(path)? {
        Target::StandardOutput | Target::StandardError => Ok(()),
        Target::StandardInput => Err(super::is_standard_input()),
        Target::InPlace => may_be_opened(path),
        Target::Replaced(file) => may_be_replaced(&file),
    };
    check().map_err(|source| WriteError::new(path, source))
}

/// Checks all files that a command writes, before it starts: each can be written, no two are the same, none is also
/// read, and none is a bundle, which only the writers of bundles replace ([`check_bundle_output`]). A folder among the
/// inputs stands for every file below it, but for bundles and pages, which the programs write and no data set holds.
///
/// # Errors
/// [`WriteError`] of the first that cannot be written.
pub fn check_outputs<'a>(
    outputs: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), WriteError> {
    let outputs: Vec<&Path> = outputs.into_iter().collect();
    outputs.iter().try_for_each(|path| check_writable(path))?;
    check_apart(outputs, inputs)
}

/// Checks the names of all files that a command may write: no two are the same, and none is also read or a bundle.
///
/// # Errors
/// [`WriteError`] of the first that would destroy another file.
pub fn check_apart<'a>(
    outputs: impl IntoIterator<Item = &'a Path>,
    inputs: impl IntoIterator<Item = &'a Path>,
) -> Result<(), WriteError> {
    let inputs = Inputs::of(inputs);
    let mut written = Vec::new();
    for path in outputs {
        inputs.check_apart(path)?;
        let Some(file) = replaced_file(path) else { continue };
        if begins_with(&file, &MAGIC) {
            return Err(WriteError::conflict(path, "it is a bundle, which would be lost"));
        }
        if written.contains(&file) {
            return Err(WriteError::conflict(path, "two outputs have this name"));
        }
        written.push(file);
    }
    Ok(())
}

/// As [`check_outputs`], for the one output of a command that writes a bundle. Whether it may replace the bundle that
/// lies there is for that command to decide.
///
/// # Errors
/// [`WriteError`] if it cannot be written, or is also read.
pub fn check_bundle_output<'a>(output: &Path, inputs: impl IntoIterator<Item = &'a Path>) -> Result<(), WriteError> {
    check_writable(output)?;
    Inputs::of(inputs).check_apart(output)
}

/// Files that a command reads, as absolute paths without links.
struct Inputs {
    files: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Inputs {
    fn of<'a>(inputs: impl IntoIterator<Item = &'a Path>) -> Self {
        let found = inputs.into_iter().filter_map(|path| fs::canonicalize(path).ok());
        let (folders, files) = found.partition(|path| path.is_dir());
        Self { files, folders }
    }

    /// Checks that an output is none of them.
    fn check_apart(&self, output: &Path) -> Result<(), WriteError> {
        // Also a file behind `/dev/stdout` or another open file of a process.
        let Some(file) = fs::canonicalize(output).ok().filter(|file| file.is_file()) else { return Ok(()) };
        let is_inside = || self.folders.iter().any(|folder| file.starts_with(folder));
        if self.files.contains(&file) || (is_inside() && !begins_with(&file, &MAGIC) && !begins_with(&file, PAGE)) {
            return Err(WriteError::conflict(output, "it is also an input, which would be lost"));
        }
        Ok(())
    }
}

/// The first bytes of the pages that the programs write.
const PAGE: &[u8] = b"<!doctype html>";

fn begins_with(file: &Path, bytes: &[u8]) -> bool {
    let mut found = Vec::new();
    let read = File::open(file).and_then(|file| file.take(bytes.len() as u64).read_to_end(&mut found));
    read.is_ok() && found.eq_ignore_ascii_case(bytes)
}

/// The file that [`write_atomically`](super::write_atomically) replaces for `path`, as an absolute path without links.
/// None for standard output, pipes and devices, which are written in place, and for what cannot be written.
pub fn replaced_file(path: &Path) -> Option<PathBuf> {
    let Target::Replaced(file) = Target::of(path).ok()? else { return None };
    Some(fs::canonicalize(folder(&file)).ok()?.join(file.file_name()?))
}

/// Whether [`write_atomically`](super::write_atomically) writes `path` in place: it is a pipe, a device, or an open
/// file of a process such as `/dev/stdout`. Such a path has no older file that could be kept under another name, and
/// reading it may wait for ever.
pub fn is_written_in_place(path: &Path) -> bool {
    Target::of(path).is_ok_and(|target| !matches!(target, Target::Replaced(_)))
}

/// Whether `path` is standard output or standard error of this process, which nothing can be read from.
pub fn is_printed(path: &Path) -> bool {
    Target::of(path).is_ok_and(|target| matches!(target, Target::StandardOutput | Target::StandardError))
}

/// Whether `path` is the standard output of this process, so that nothing else should be printed there.
pub fn is_standard_output(path: &Path) -> bool {
    Target::of(path).is_ok_and(|target| target == Target::StandardOutput)
}

/// Whether `path` is the standard error of this process, so that no message should be printed there.
pub fn is_standard_error(path: &Path) -> bool {
    Target::of(path).is_ok_and(|target| target == Target::StandardError)
}

/// Refuses a write-protected file, as a shell does, and a folder that takes no new file.
fn may_be_replaced(file: &Path) -> io::Result<()> {
    check_protection(file)?;
    // Quotas, mounts and access lists decide too: only the attempt tells.
    Temporary::beside(file, None)?.remove()
}

/// Refuses a file that is there and write-protected, and a name that cannot be a file's: the temporary name may be
/// possible where that is not.
pub(super) fn check_protection(file: &Path) -> io::Result<()> {
    match fs::symlink_metadata(file) {
        Ok(_) => may_be_opened(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(unix)]
fn may_be_opened(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::FileTypeExt;
    if fs::metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
        return Err(io::Error::other("it is a socket"));
    }
    Ok(rustix::fs::access(path, rustix::fs::Access::WRITE_OK)?)
}

#[cfg(not(unix))]
fn may_be_opened(path: &Path) -> io::Result<()> {
    let protected = fs::metadata(path)?.permissions().readonly();
    if protected { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
}
