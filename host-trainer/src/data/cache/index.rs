//! The indices of a cache: files with a checksum that are written whole. One that cannot be read counts as missing.

use crate::data::picture::{ContentHash, Fault, Form, Thumbnail};
use crate::data::scan::Facts;
use crate::data::source::Stamp;
use nestling_bundle::atomic_file::{WriteError, write_atomically};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// Changes whenever other pixels or other numbers are made of the same file.
pub(super) const VERSION: u32 = 1;

/// Changes whenever other things are known of a file.
const KNOWN_VERSION: u32 = 2;

/// The result of opening a file of the source.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownFile {
    /// Size, times of change, place.
    pub(super) stamp: [u64; 4],
    /// Its contents, or why it cannot be used.
    pub(super) found: Result<ContentHash, Fault>,
    /// A remark on a file that is used.
    pub(super) remark: Option<Fault>,
}

/// The results of opening all files of the source.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) files: BTreeMap<String, KnownFile>,
}

/// The facts of some contents in one form, and the place of their square.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct KnownSquare {
    /// Place in the file of pixels, if it is there, and the checksum of its bytes.
    pub(super) place: Option<(u32, u64)>,
    pub(super) size: (u32, u32),
    pub(super) is_grey: bool,
    pub(super) thumbnail: Thumbnail,
    pub(super) sums: crate::data::picture::ChannelSums,
}

impl KnownSquare {
    pub(super) fn facts(&self) -> Facts {
        let (width, height) = self.size;
        let Self { is_grey, ref thumbnail, sums, .. } = *self;
        Facts { width, height, is_grey, thumbnail: thumbnail.clone(), sums }
    }
}

/// The facts and places of all contents in one form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct SquareIndex {
    /// Number of the file of pixels: another one is begun when most of the old one is of no more use.
    pub(super) generation: u32,
    /// Squares in that file.
    pub(super) count: u32,
    pub(super) squares: BTreeMap<ContentHash, KnownSquare>,
}

/// The stamp of a file, in the form of the index.
pub(super) fn stamp(stamp: Stamp) -> [u64; 4] {
    [stamp.size, stamp.modified, stamp.system, stamp.offset]
}

/// The paths of the files of one form.
#[derive(Clone, Debug)]
pub(super) struct Paths {
    folder: PathBuf,
    name: String,
}

impl Paths {
    pub(super) fn new(folder: &Path, form: &Form) -> Self {
        let Form { side, channels, fit, background: [red, green, blue] } = form;
        let name = format!("squares-{side}x{channels}-{fit}-{red:02x}{green:02x}{blue:02x}-v{VERSION}");
        Self { folder: folder.to_owned(), name }
    }

    /// The index of the source's files, whose faults depend on no form.
    pub(super) fn known(&self) -> PathBuf {
        self.folder.join(format!("known-v{KNOWN_VERSION}.index"))
    }

    /// The name of the form's files, without an ending.
    pub(super) fn form(&self) -> &str {
        &self.name
    }

    pub(super) fn squares(&self) -> PathBuf {
        self.folder.join(format!("{}.index", self.name))
    }

    pub(super) fn pixels(&self, generation: u32) -> PathBuf {
        self.folder.join(format!("{}-{generation}.pixels", self.name))
    }

    /// The files of pixels of all other generations.
    pub(super) fn other_pixels(&self, generation: u32) -> Vec<PathBuf> {
        let number = |name: &str| {
            name.strip_prefix(&*self.name)?.strip_prefix('-')?.strip_suffix(".pixels")?.parse::<u32>().ok()
        };
        let entries = self.folder.read_dir().into_iter().flatten().flatten();
        let is_other = |name: &str| number(name).is_some_and(|number| number != generation);
        entries.filter(|entry| entry.file_name().to_str().is_some_and(is_other)).map(|entry| entry.path()).collect()
    }
}

/// Reads an index; the empty one if it is missing, damaged or of another version.
pub(super) fn read<T: DeserializeOwned + Default>(path: &Path) -> T {
    let Ok(bytes) = std::fs::read(path) else { return T::default() };
    let Some((sum, content)) = bytes.split_first_chunk::<8>() else { return T::default() };
    if u64::from_le_bytes(*sum) != xxh3_64(content) {
        return T::default();
    }
    postcard::from_bytes(content).unwrap_or_default()
}

/// Writes an index whole, or not at all.
pub(super) fn write(path: &Path, index: &impl Serialize) -> Result<(), WriteError> {
    write_atomically(path, |file| {
        let content = postcard::to_stdvec(index).map_err(std::io::Error::other)?;
        file.write_all(&xxh3_64(&content).to_le_bytes())?;
        file.write_all(&content)
    })
}
