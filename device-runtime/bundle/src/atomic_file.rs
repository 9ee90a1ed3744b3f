//! Files that are either whole or absent: written to a temporary name, synced, renamed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Why a file could not be written. The older file of that name, if there was one, is untouched.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot write {path}: {source}; an older file of that name is untouched, free space or choose another folder and \
     run the command again"
)]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
}

/// Writes `path` whole, or not at all.
///
/// # Errors
/// [`WriteError`] if the folder is missing or read-only, or the disk is full. The temporary file is removed.
pub fn write_atomically(path: &Path, fill: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), WriteError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let write = || {
        let mut file = BufWriter::new(OpenOptions::new().write(true).create(true).truncate(true).open(&temporary)?);
        fill(&mut file)?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        fs::rename(&temporary, path)?;
        // The rename itself must survive a power cut; not every platform can open a folder.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).or(Ok(()))
    };
    write().map_err(|source| {
        // Best effort: the first error is the one to report.
        let _ = fs::remove_file(&temporary);
        WriteError { path: path.to_owned(), source }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_keeps_the_old_file_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_atomically(&path, |file| file.write_all(b"old")).unwrap();
        let full = |file: &mut dyn Write| file.write_all(b"new").and(Err(io::ErrorKind::StorageFull.into()));
        let message = write_atomically(&path, full).unwrap_err().to_string();
        assert!(message.contains("an older file of that name is untouched"), "{message}");
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
