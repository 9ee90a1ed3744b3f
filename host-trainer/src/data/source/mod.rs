//! Where labelled pictures come from: class folders, manifests and tar files behind one trait.

mod files;
mod folder;
mod manifest;
mod names;
mod shards;

pub use names::{counted, natural_order};

use crate::data::dataset::{DataError, Part};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
#[cfg(unix)]
use xxhash_rust::xxh3::xxh3_64;

/// A labelled picture that has not been opened yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, for people: the path below the given one. No two entries of a source have the same.
    pub name: String,
    /// Its class.
    pub class: String,
    /// Its use, if the source says so.
    pub part: Option<Part>,
    /// Pictures of one group belong to one part: those of one person, object or film.
    pub group: Option<String>,
}

/// A picture's size and times in the file system, to notice a change without reading it.
///
/// A program may set the time of the last change back. Nobody can do so with the time at which the system changed what
/// it knows of the file; only a system that does not tell it (Windows) may miss another file of the same size and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Time of the last change in ns since 1970; 0 if it is not known.
    pub modified: u64,
    /// Identity of the file, and the time at which the system last changed what it knows of it; 0 if they are not
    /// known.
    pub system: u64,
    /// Where the picture begins in its file.
    pub offset: u64,
}

/// A file that holds many pictures and lacks some of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truncated {
    /// Its name in the source.
    pub name: String,
    /// Its fault, with the number of pictures that were read.
    pub reason: String,
}

/// Labelled pictures.
pub trait Source: fmt::Debug + Send + Sync {
    /// The kind of source, for people.
    fn kind(&self) -> &'static str;

    /// The pictures, in an order that does not depend on the file system.
    fn entries(&self) -> &[Entry];

    /// Remarks on what was left out, for people.
    fn notes(&self) -> &[String];

    /// Files of many pictures that end too early; their first pictures are entries.
    fn truncated(&self) -> &[Truncated] {
        &[]
    }

    /// The bytes of a picture, at most `limit` of them.
    ///
    /// # Errors
    /// The system's.
    fn read(&self, index: usize, limit: u64) -> io::Result<Vec<u8>>;

    /// Its stamp.
    ///
    /// # Errors
    /// The system's.
    fn stamp(&self, index: usize) -> io::Result<Stamp>;

    /// The file that holds only this picture, if there is one.
    fn file(&self, index: usize) -> Option<PathBuf>;
}

/// Lists the pictures at a path, whatever kind of source it is.
///
/// # Errors
/// [`DataError`] if there are none, or they cannot be listed.
pub fn open(path: &Path) -> Result<Box<dyn Source>, DataError> {
    let listing = |source| DataError::Listing { path: path.to_owned(), source };
    let is_folder = std::fs::metadata(path).map_err(listing)?.is_dir();
    if !is_folder && manifest::is_named(path) {
        return Ok(Box::new(manifest::open(path)?));
    }
    let shards = shards::Shards::find(path)?;
    if !shards.is_empty() {
        return Ok(Box::new(shards::Shards::open(path, shards)?));
    }
    if is_folder {
        return Ok(Box::new(folder::open(path)?));
    }
    let name = path.to_string_lossy().to_ascii_lowercase();
    let is_packed = [".zip", ".gz", ".tgz", ".xz", ".zst", ".7z", ".rar"].iter().any(|ending| name.ends_with(ending));
    let problem = if is_packed { "it is a packed file; unpack it first" } else { "it is a file of another kind" };
    Err(DataError::NoDataset { path: path.to_owned(), problem: problem.to_owned() })
}

fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn stamp_of(path: &Path) -> io::Result<Stamp> {
    let found = std::fs::metadata(path)?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a file"));
    }
    let modified = found.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |time| time.as_nanos() as u64);
    Ok(Stamp { size: found.len(), modified, system: system_stamp(&found), offset: 0 })
}

#[cfg(unix)]
fn system_stamp(found: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let numbers = [found.ino(), found.ctime() as u64, found.ctime_nsec() as u64];
    xxh3_64(bytemuck::cast_slice(&numbers))
}

#[cfg(not(unix))]
fn system_stamp(_: &Metadata) -> u64 {
    0
}
