use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be written, or cannot be written later.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}: {source}; {remedy}")]
pub struct WriteError {
    path: PathBuf,
    source: io::Error,
    remedy: &'static str,
}

impl WriteError {
    pub(super) fn new(path: &Path, source: io::Error) -> Self {
        use io::ErrorKind::{
            InvalidFilename, InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied, ReadOnlyFilesystem,
        };
        let remedy = match source.kind() {
            NotFound => "make its folder first, or name another file",
            NotADirectory => "a part of its folder is a file: name another one",
            IsADirectory => "name a file in that folder",
            InvalidFilename => "give another name",
            InvalidInput => "name another file",
            PermissionDenied | ReadOnlyFilesystem => {
                "an older file of that name is untouched, name a file that you may write in a folder that you may write to"
            }
            _ => "an older file of that name is untouched, free space or choose another folder and try again",
        };
        Self { path: path.to_owned(), source, remedy }
    }

    /// The error of a pipe or a device, of which nothing older is kept.
    pub(super) fn in_place(path: &Path, source: io::Error) -> Self {
        Self { path: path.to_owned(), source, remedy: "a part may have arrived, write it again" }
    }

    /// The error of an output that would destroy another file of the same command.
    pub(super) fn conflict(path: &Path, problem: &'static str) -> Self {
        Self { path: path.to_owned(), source: io::Error::other(problem), remedy: "name another file" }
    }

    /// A stable name of this error, for bindings.
    pub fn code(&self) -> &'static str {
        "file_write"
    }

    /// Which file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}
