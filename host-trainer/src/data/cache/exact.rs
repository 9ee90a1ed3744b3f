//! The network's inputs of pictures, straight from their originals, kept in a file for each resolution.
//!
//! A search evaluates hundreds of children on the same pictures. Each is decoded and resized once for a resolution; then
//! its input is read from `exact-*/`. One process at a time adds to such a folder; another one computes what is missing,
//! and keeps nothing. A disk that is full keeps nothing either: inputs can always be made again.

use super::file::PlacedFile;
use super::index;
use super::store::{StoredPicture, read_original};
use crate::data::dataset::{DataError, ExactInputs};
use crate::data::picture::{ContentHash, decode};
use crate::data::source::Source;
use nestling_bundle::file_lock::FileLock;
use nestling_core::image::{Preprocessing, Resampler};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
}

/// The inputs of some pictures at any resolution.
#[derive(Debug)]
pub struct Originals {
    source: Arc<dyn Source>,
    pictures: Vec<StoredPicture>,
    preprocessing: Preprocessing,
    background: [u8; 3],
    folder: PathBuf,
    /// Bytes that may still be written.
    left: AtomicU64,
    by_resolution: Mutex<BTreeMap<u32, Inputs>>,
    /// Held if this process may add to the folder.
    lock: Option<FileLock>,
}

impl Originals {
    /// The inputs of pictures, kept in a folder of the source's cache within a budget.
    pub fn new(
        source: Arc<dyn Source>,
        pictures: Vec<StoredPicture>,
        preprocessing: &Preprocessing,
        background: [u8; 3],
        (cache, max_bytes): (&Path, u64),
    ) -> Self {
        let identity = format!("{preprocessing:?} {background:?} {}", index::VERSION);
        let folder = cache.join(format!("exact-{:032x}", xxh3_128(identity.as_bytes())));
        // Without the folder or its lock, everything works; it only takes longer.
        let lock = std::fs::create_dir_all(&folder)
            .ok()
            .and_then(|()| FileLock::try_folder(&folder, "keeping inputs of pictures").ok());
        let present = used_bytes(&folder);
        Self {
            source,
            pictures,
            preprocessing: preprocessing.clone(),
            background,
            folder,
            left: AtomicU64::new(max_bytes.saturating_sub(present)),
            by_resolution: Mutex::default(),
            lock,
        }
    }

    fn inputs(&self) -> MutexGuard<'_, BTreeMap<u32, Inputs>> {
        self.by_resolution.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, resolution: u32) -> Inputs {
        let path = self.folder.join(format!("{resolution}.index"));
        let mut index: InputIndex = index::read(&path);
        let (pixels, bytes) = (self.folder.join(format!("{resolution}.inputs")), self.bytes(resolution));
        let file = match self.lock {
            Some(_) => PlacedFile::open_to_write(&pixels, bytes),
            None => PlacedFile::open(&pixels, bytes),
        };
        let file = file.ok().map(Arc::new);
        let count = file.as_ref().and_then(|file| file.count().ok()).unwrap_or(0);
        index.inputs.retain(|_, (place, _)| u64::from(*place) < count);
        let next = index.inputs.values().map(|(place, _)| place + 1).max().unwrap_or(0);
        Inputs { file, path, index, next, unsaved: 0 }
    }

    /// Bytes of an input.
    fn bytes(&self, resolution: u32) -> usize {
        self.preprocessing.means.len() * (resolution * resolution) as usize * size_of::<f32>()
    }

    /// The kept input of some contents, if it is whole.
    fn kept(&self, content: ContentHash, resolution: u32) -> Option<Vec<f32>> {
        let (file, place, sum) = {
            let mut all = self.inputs();
            let inputs = all.entry(resolution).or_insert_with(|| self.open(resolution));
            let &(place, sum) = inputs.index.inputs.get(&content)?;
            (inputs.file.clone()?, place, sum)
        };
        let mut bytes = Vec::with_capacity(self.bytes(resolution));
        // One that is damaged is made again.
        let is_whole = file.read(place, &mut bytes).is_ok() && xxh3_64(&bytes) == sum;
        is_whole.then(|| bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect())
    }

    /// Keeps an input, if there is room.
    fn keep(&self, content: ContentHash, resolution: u32, input: &[f32]) {
        let bytes: Vec<u8> = input.iter().flat_map(|value| value.to_le_bytes()).collect();
        let take = |left: u64| left.checked_sub(bytes.len() as u64);
        if self.lock.is_none() || self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err() {
            return;
        }
        let mut all = self.inputs();
        let Some(inputs) = all.get_mut(&resolution) else { return };
        let is_written = inputs.file.as_ref().is_some_and(|file| file.write(inputs.next, &bytes).is_ok());
        if !is_written {
            // A disk that is full: nothing more is kept.
            self.left.store(0, Ordering::Relaxed);
            return;
        }
        inputs.index.inputs.insert(content, (inputs.next, xxh3_64(&bytes)));
        inputs.next += 1;
        inputs.unsaved += 1;
        if inputs.unsaved >= SAVE_EVERY {
            inputs.save();
        }
    }

    /// Decodes and preprocesses a picture.
    fn compute(&self, picture: &StoredPicture, resolution: u32) -> Result<Vec<f32>, DataError> {
        let bytes = read_original(&*self.source, picture)?;
        let name = || self.source.entries()[picture.entry].name.clone();
        let decoded = decode(&bytes, self.preprocessing.fit, self.background);
        let decoded = decoded.map_err(|_| DataError::Changed { name: name() })?;
        Ok(Resampler::default().preprocess(&decoded.image(), &self.preprocessing, resolution))
    }
}

impl Inputs {
    fn save(&mut self) {
        // Inputs that no index names are made again.
        let is_synced = self.file.as_ref().is_some_and(|file| file.sync().is_ok());
        if is_synced && index::write(&self.path, &self.index).is_ok() {
            self.unsaved = 0;
        }
    }
}

impl Drop for Originals {
    fn drop(&mut self) {
        self.inputs().values_mut().filter(|inputs| inputs.unsaved > 0).for_each(Inputs::save);
    }
}

/// Bytes of all files in a folder.
fn used_bytes(folder: &Path) -> u64 {
    let files = folder.read_dir().into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}

impl ExactInputs for Originals {
    fn read(&self, place: u32, resolution: u32, out: &mut Vec<f32>) -> Result<(), DataError> {
        let picture = &self.pictures[place as usize];
        let input = match self.kept(picture.content, resolution) {
            Some(input) => input,
            None => {
                let input = self.compute(picture, resolution)?;
                self.keep(picture.content, resolution, &input);
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
