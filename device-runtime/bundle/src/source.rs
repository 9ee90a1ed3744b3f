//! The bytes of a bundle: in memory, or in a file that is read piece by piece.
//!
//! No file is ever mapped: another process may cut it off or change it at any time, and a mapped page that is gone ends
//! the process. Bytes that are read twice are checked twice.

use crate::BundleError;
use crate::header::{self, Section};
use nestling_core::room;
use nestling_core::space::Convolution;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Bytes that are read at once.
const CHUNK: usize = 64 << 10;

pub(super) enum Source {
    /// A regular file with the length that it had when it was opened.
    File {
        file: Mutex<File>,
        path: PathBuf,
        length: u64,
    },
    Memory(Vec<u8>),
}

impl Source {
    /// Opens a file. One that has no length or no positions, such as a pipe, is read into memory.
    pub(super) fn open(path: &Path) -> Result<Self, BundleError> {
        let open = |source| BundleError::Open { path: path.to_owned(), source };
        // Not every system opens a folder, and none says so clearly.
        if path.is_dir() {
            return Err(open(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder")));
        }
        let mut file = File::open(path).map_err(open)?;
        let metadata = file.metadata().map_err(open)?;
        let length = metadata.len();
        // Some file systems give no length before they are read.
        if metadata.is_file() && length > 0 && file.stream_position().is_ok() {
            return Ok(Self::File { file: Mutex::new(file), path: path.to_owned(), length });
        }
        Self::stream(file).map_err(|fault| fault.into_error(open))
    }

    /// Reads a bundle and at most one byte more: what comes out of a pipe or a device may never end.
    fn stream(mut input: impl Read) -> Result<Self, Fault> {
        let mut bytes = Vec::new();
        let mut fill = |bytes: &mut Vec<u8>, length: u64| {
            input.by_ref().take(length.saturating_sub(bytes.len() as u64)).read_to_end(bytes)
        };
        fill(&mut bytes, header::TABLE as u64)?;
        let length = header::length(&bytes)?;
        fill(&mut bytes, length)?;
        let end = header::table(&bytes)?.end();
        fill(&mut bytes, end.saturating_add(1))?;
        Ok(Self::Memory(bytes))
    }

    pub(super) fn length(&self) -> u64 {
        match self {
            Self::File { length, .. } => *length,
            Self::Memory(bytes) => bytes.len() as u64,
        }
    }

    /// All bytes, if they are in memory.
    pub(super) fn bytes(&self) -> Option<&[u8]> {
        match self {
            Self::File { .. } => None,
            Self::Memory(bytes) => Some(bytes),
        }
    }

    /// The first bytes, or all that there are.
    pub(super) fn beginning(&self, length: u64) -> Result<Vec<u8>, BundleError> {
        let mut bytes = Vec::new();
        let read = self.reader(0..length.min(self.length())).input.read_to_end(&mut bytes);
        read.map(|_| bytes).map_err(|error| self.unreadable(error))
    }

    pub(super) fn reader(&self, range: Range<u64>) -> Reader<'_> {
        let capacity = (CHUNK as u64).min(range.end - range.start) as usize;
        let input = BufReader::with_capacity(capacity, Piece { source: self, at: range.start, end: range.end });
        Reader { input, hasher: Xxh3::new() }
    }

    /// A range that was within the file when it was opened.
    pub(super) fn read(&self, range: Range<u64>) -> Result<Vec<u8>, BundleError> {
        let mut bytes = room::filled(0, (range.end - range.start) as usize)?;
        Piece { source: self, at: range.start, end: range.end }
            .read_exact(&mut bytes)
            .map_err(|error| self.changed(error))?;
        Ok(bytes)
    }

    /// A section's bytes, which must be those that were verified.
    pub(super) fn section(&self, section: &Section) -> Result<Vec<u8>, BundleError> {
        let bytes = self.read(section.range.clone())?;
        if xxh3_128(&bytes) == section.checksum { Ok(bytes) } else { Err(self.other_bytes()) }
    }

    /// xxh3-128 of a range, of which only a piece is in memory at a time.
    pub(super) fn checksum(&self, range: Range<u64>) -> Result<u128, BundleError> {
        let (mut left, mut reader) = (range.end - range.start, self.reader(range));
        let mut chunk = vec![0; left.min(CHUNK as u64) as usize];
        while left > 0 {
            let part = left.min(chunk.len() as u64) as usize;
            reader.fill(&mut chunk[..part]).map_err(|error| self.changed(error))?;
            left -= part as u64;
        }
        Ok(reader.checksum())
    }

    /// The error of reading bytes that were there before.
    pub(super) fn changed(&self, error: io::Error) -> BundleError {
        if error.kind() == io::ErrorKind::UnexpectedEof { self.other_bytes() } else { self.unreadable(error) }
    }

    /// Bytes that were verified before are not the same any more.
    pub(super) fn other_bytes(&self) -> BundleError {
        BundleError::Changed { path: self.path() }
    }

    /// The error of a layer whose weights are impossible. `verified` says whether these very bytes were found to be right
    /// before.
    pub(super) fn unsound(&self, verified: bool, convolution: &Convolution, problem: &str) -> BundleError {
        if verified {
            return self.other_bytes();
        }
        BundleError::Inconsistent { problem: format!("layer `{}` has {problem}", convolution.name) }
    }

    pub(super) fn unreadable(&self, source: io::Error) -> BundleError {
        BundleError::Open { path: self.path(), source }
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::File { path, .. } => path.clone(),
            Self::Memory(_) => PathBuf::new(),
        }
    }
}

/// Why a stream gives no bundle.
enum Fault {
    Reading(io::Error),
    Bundle(BundleError),
}

impl Fault {
    fn into_error(self, open: impl FnOnce(io::Error) -> BundleError) -> BundleError {
        match self {
            Self::Reading(error) => open(error),
            Self::Bundle(error) => error,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Reading(error)
    }
}

impl From<BundleError> for Fault {
    fn from(error: BundleError) -> Self {
        Self::Bundle(error)
    }
}

/// A part of a source, read once from its beginning to its end.
pub(super) struct Reader<'a> {
    input: BufReader<Piece<'a>>,
    hasher: Xxh3,
}

impl Reader<'_> {
    /// Fails with [`io::ErrorKind::UnexpectedEof`] if the file was cut off.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.input.read_exact(bytes)?;
        self.hasher.update(bytes);
        Ok(())
    }

    /// xxh3-128 of all that was read.
    pub(super) fn checksum(&self) -> u128 {
        self.hasher.digest128()
    }
}

struct Piece<'a> {
    source: &'a Source,
    at: u64,
    end: u64,
}

impl Read for Piece<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(usize::try_from(self.end - self.at).unwrap_or(usize::MAX));
        let into = &mut into[..length];
        let read = match self.source {
            Source::File { file, .. } => {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                file.seek(SeekFrom::Start(self.at))?;
                file.read(into)?
            }
            Source::Memory(bytes) => {
                let mut rest = usize::try_from(self.at).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
                rest.read(into)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}
