//! The network's inputs of pictures, straight from their originals, kept in a file for each resolution.
//!
//! A search evaluates hundreds of children on the same pictures. Each is decoded and resized once for a resolution;
//! then its input is read from `exact-*/`, a folder for each preprocessing. One process at a time adds to such a
//! folder; another one computes what is missing, and keeps nothing. A disk or budget that is full keeps nothing either:
//! inputs can always be made again.

use super::file::PlacedFile;
use super::index;
use super::store::{StoredPicture, read_original};
use crate::data::dataset::{DataError, ExactInputs};
use crate::data::picture::{ContentHash, decode_again};
use crate::data::source::Source;
use nestling_bundle::file_lock::FileLock;
use nestling_core::image::{Preprocessing, Resampler};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Inputs after which the index is written.
const SAVE_EVERY: usize = 64;

/// Place and checksum of each contents' input.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct InputIndex {
    inputs: BTreeMap<ContentHash, (u32, u64)>,
}

/// The inputs of one resolution.
#[derive(Debug)]
struct Inputs {
    file: Option<Arc<PlacedFile>>,
    path: PathBuf,
    index: InputIndex,
    next: u32,
    unsaved: usize,
    may_add: bool,
}

/// The inputs that one preprocessing makes.
#[derive(Debug)]
struct Prepared {
    folder: PathBuf,
    by_resolution: BTreeMap<u32, Inputs>,
    /// Held if this process may add to the folder.
    lock: Option<FileLock>,
}

impl Prepared {
    fn open(cache: &Path, preprocessing: &Preprocessing, background: [u8; 3]) -> Self {
        let identity = format!("{preprocessing:?} {background:?} {}", index::VERSION);
        let folder = cache.join(format!("exact-{:032x}", xxh3_128(identity.as_bytes())));
        // Without the folder or its lock, everything works; it only takes longer.
        let lock = std::fs::create_dir_all(&folder)
            .ok()
            .and_then(|()| FileLock::try_folder(&folder, "keeping inputs of pictures").ok());
        Self { folder, by_resolution: BTreeMap::new(), lock }
    }

    fn inputs(&mut self, resolution: u32, bytes: usize) -> &mut Inputs {
        let (folder, may_add) = (&self.folder, self.lock.is_some());
        self.by_resolution.entry(resolution).or_insert_with(|| Inputs::open(folder, resolution, bytes, may_add))
    }
}

/// The inputs of some pictures, for any preprocessing and resolution.
#[derive(Debug)]
pub struct Originals {
    source: Arc<dyn Source>,
    pictures: Vec<StoredPicture>,
    background: [u8; 3],
    cache: PathBuf,
    /// Bytes that may still be written.
    left: AtomicU64,
    prepared: Mutex<Vec<(Preprocessing, Prepared)>>,
}

impl Originals {
    /// The inputs of pictures, kept in a source's cache that has so many bytes of room.
    pub fn new(
        source: Arc<dyn Source>,
        pictures: Vec<StoredPicture>,
        background: [u8; 3],
        (cache, room): (&Path, u64),
    ) -> Self {
        let left = AtomicU64::new(room);
        Self { source, pictures, background, cache: cache.to_owned(), left, prepared: Mutex::default() }
    }

    /// Works on the inputs of one preprocessing and resolution.
    fn with<T>(&self, preprocessing: &Preprocessing, resolution: u32, work: impl FnOnce(&mut Inputs) -> T) -> T {
        let mut all = self.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.iter().position(|(known, _)| known == preprocessing);
        let at = known.unwrap_or_else(|| {
            all.push((preprocessing.clone(), Prepared::open(&self.cache, preprocessing, self.background)));
            all.len() - 1
        });
        work(all[at].1.inputs(resolution, input_bytes(preprocessing, resolution)))
    }

    /// The kept input of some contents, if it is whole.
    fn kept(&self, content: ContentHash, preprocessing: &Preprocessing, resolution: u32) -> Option<Vec<f32>> {
        let (file, (place, sum)) = self.with(preprocessing, resolution, |inputs| {
            Some((inputs.file.clone()?, *inputs.index.inputs.get(&content)?))
        })?;
        let mut bytes = Vec::with_capacity(input_bytes(preprocessing, resolution));
        // One that is damaged is made again.
        let is_whole = file.read(place, &mut bytes).is_ok() && xxh3_64(&bytes) == sum;
        is_whole.then(|| bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect())
    }

    /// Keeps an input, if there is room.
    fn keep(&self, content: ContentHash, preprocessing: &Preprocessing, resolution: u32, input: &[f32]) {
        let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_le_bytes()).collect();
        let take = |left: u64| left.checked_sub(bytes.len() as u64);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return;
        }
        if !self.with(preprocessing, resolution, |inputs| inputs.add(content, &bytes)) {
            // A disk that is full: nothing more is kept.
            self.left.store(0, Ordering::Relaxed);
        }
    }

    /// Decodes and preprocesses a picture.
    fn compute(
        &self,
        picture: &StoredPicture,
        preprocessing: &Preprocessing,
        resolution: u32,
    ) -> Result<Vec<f32>, DataError> {
        let bytes = read_original(&*self.source, picture)?;
        let name = || self.source.entries()[picture.entry].name.clone();
        let decoded = decode_again(&bytes, preprocessing.fit, self.background);
        let decoded = decoded.map_err(|_| DataError::Changed { name: name() })?;
        Ok(Resampler::default().preprocess(&decoded.image(), preprocessing, resolution))
    }
}

/// Bytes of an input.
fn input_bytes(preprocessing: &Preprocessing, resolution: u32) -> usize {
    preprocessing.means.len() * (resolution * resolution) as usize * size_of::<f32>()
}

impl Inputs {
    fn open(folder: &Path, resolution: u32, bytes: usize, may_add: bool) -> Self {
        let path = folder.join(format!("{resolution}.index"));
        let mut index: InputIndex = index::read(&path);
        let values = folder.join(format!("{resolution}.inputs"));
        let file = if may_add { PlacedFile::open_to_write(&values, bytes) } else { PlacedFile::open(&values, bytes) };
        let file = file.ok().map(Arc::new);
        let count = file.as_ref().and_then(|file| file.count().ok()).unwrap_or(0);
        index.inputs.retain(|_, (place, _)| u64::from(*place) < count);
        let next = index.inputs.values().map(|(place, _)| place + 1).max().unwrap_or(0);
        Self { file, path, index, next, unsaved: 0, may_add }
    }

    /// Adds an input. False if the disk does not take it.
    fn add(&mut self, content: ContentHash, bytes: &[u8]) -> bool {
        if !self.may_add {
            return true;
        }
        if self.file.as_ref().is_none_or(|file| file.write(self.next, bytes).is_err()) {
            return false;
        }
        self.index.inputs.insert(content, (self.next, xxh3_64(bytes)));
        self.next += 1;
        self.unsaved += 1;
        if self.unsaved >= SAVE_EVERY {
            self.save();
        }
        true
    }

    fn save(&mut self) {
        // Inputs that no index names are made again.
        let is_synced = self.file.as_ref().is_some_and(|file| file.sync().is_ok());
        if is_synced && index::write(&self.path, &self.index).is_ok() {
            self.unsaved = 0;
        }
    }
}

impl Drop for Inputs {
    fn drop(&mut self) {
        if self.unsaved > 0 {
            self.save();
        }
    }
}

impl ExactInputs for Originals {
    fn read(
        &self,
        place: u32,
        preprocessing: &Preprocessing,
        resolution: u32,
        out: &mut Vec<f32>,
    ) -> Result<(), DataError> {
        let picture = &self.pictures[place as usize];
        let input = match self.kept(picture.content, preprocessing, resolution) {
            Some(input) => input,
            None => {
                let input = self.compute(picture, preprocessing, resolution)?;
                self.keep(picture.content, preprocessing, resolution, &input);
                input
            }
        };
        out.extend_from_slice(&input);
        Ok(())
    }

    fn original(&self, place: u32) -> Result<(String, Vec<u8>), DataError> {
        let picture = &self.pictures[place as usize];
        let bytes = read_original(&*self.source, picture)?;
        Ok((self.source.entries()[picture.entry].name.clone(), bytes))
    }
}
