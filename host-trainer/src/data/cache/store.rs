//! The squares of pictures as the pixels of a data set: from the cache, or decoded at every read.

use super::file::PlacedFile;
use crate::data::dataset::{DataError, PixelStore};
use crate::data::picture::{ContentHash, Form, MAX_BYTES, square_pixels};
use crate::data::source::Source;
use std::path::PathBuf;
use std::sync::Arc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// How stored squares become the pixels of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finish {
    /// The colour of what a picture leaves free in its square.
    pub fill: [u8; 3],
    /// Whether only the first channel is given, because no picture has colour.
    pub is_grey: bool,
}

/// A picture of a store.
#[derive(Clone, Debug)]
pub struct StoredPicture {
    /// Its number in the source.
    pub entry: usize,
    /// Its bytes.
    pub content: ContentHash,
    /// Columns and rows.
    pub size: (u32, u32),
}

/// Where squares come from.
#[derive(Debug)]
pub(super) enum Origin {
    /// From the file of pixels: place and checksum of each picture.
    File { file: Arc<PlacedFile>, path: PathBuf, places: Vec<(u32, u64)> },
    /// From the originals.
    Originals,
}

/// The squares of some pictures, in one form.
#[derive(Debug)]
pub struct Squares {
    pub(super) source: Arc<dyn Source>,
    pub(super) form: Form,
    pub(super) finish: Finish,
    pub(super) pictures: Vec<StoredPicture>,
    pub(super) origin: Origin,
}

impl Squares {
    /// Whether the squares are in a file.
    pub fn is_cached(&self) -> bool {
        matches!(self.origin, Origin::File { .. })
    }

    fn append_square(&self, place: usize, out: &mut Vec<u8>) -> Result<(), DataError> {
        match &self.origin {
            Origin::File { file, path, places } => {
                let damaged = |problem: String| DataError::CacheRead { path: path.clone(), problem };
                let (at, sum) = places[place];
                let start = out.len();
                file.read(at, out).map_err(|error| damaged(error.to_string()))?;
                if xxh3_64(&out[start..]) == sum { Ok(()) } else { Err(damaged("its checksum is wrong".to_owned())) }
            }
            Origin::Originals => {
                let bytes = read_original(&*self.source, &self.pictures[place])?;
                let name = || self.source.entries()[self.pictures[place].entry].name.clone();
                let pixels = square_pixels(&bytes, &self.form).map_err(|_| DataError::Changed { name: name() })?;
                out.extend_from_slice(&pixels);
                Ok(())
            }
        }
    }
}

/// The bytes of an original, which must be those that were scanned.
pub fn read_original(source: &dyn Source, picture: &StoredPicture) -> Result<Vec<u8>, DataError> {
    let name = || source.entries()[picture.entry].name.clone();
    let read = |source| DataError::PictureRead { name: name(), source };
    let bytes = source.read(picture.entry, MAX_BYTES + 1).map_err(read)?;
    if ContentHash::of(&bytes) == picture.content { Ok(bytes) } else { Err(DataError::Changed { name: name() }) }
}

impl PixelStore for Squares {
    fn read(&self, place: u32, out: &mut Vec<u8>) -> Result<(), DataError> {
        let (place, start) = (place as usize, out.len());
        self.append_square(place, out)?;
        self.form.fill_rest(&mut out[start..], self.pictures[place].size, self.finish.fill);
        if self.finish.is_grey && self.form.channels == 3 {
            let count = out.len() - start;
            (0..count / 3).for_each(|pixel| out[start + pixel] = out[start + 3 * pixel]);
            out.truncate(start + count / 3);
        }
        Ok(())
    }

    fn file_of(&self, place: u32) -> Option<String> {
        let original = &self.source.entries()[self.pictures[place as usize].entry].name;
        Some(match &self.origin {
            Origin::File { path, .. } => format!("{} (for {original})", path.display()),
            Origin::Originals => original.clone(),
        })
    }

    fn identity(&self, place: u32) -> Option<[u8; 16]> {
        // Everything that the pixels depend on.
        let picture = &self.pictures[place as usize];
        let Form { side, channels, fit, background } = self.form;
        let mut bytes = picture.content.0.to_vec();
        bytes.extend([side, channels, super::index::VERSION].map(u32::to_le_bytes).concat());
        bytes.extend(background.into_iter().chain(self.finish.fill).chain([fit as u8, u8::from(self.finish.is_grey)]));
        Some(xxh3_128(&bytes).to_le_bytes())
    }
}
