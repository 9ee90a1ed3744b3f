//! Compiled pipelines, kept on disk so that the next start compiles nothing.

use crate::gpu::cache_file;
use crate::gpu::cache_file::{CacheFault, FILE_LIMIT};
use nestling_bundle::atomic_file::write_atomically;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use xxhash_rust::xxh3::xxh3_128;

/// The state of `ContextOptions::pipeline_cache`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PipelineCacheState {
    /// The result of reading it when the context was opened.
    pub start: CacheStart,
    /// The result of the last save: there is one when all pipelines of a supernet are compiled.
    pub save: CacheSave,
}

/// The result of reading an earlier start's pipelines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheStart {
    /// Nothing is kept.
    Unused {
        /// Why not.
        reason: CacheUnused,
    },
    /// There is no file yet.
    Cold,
    /// The driver was given what an earlier start compiled.
    Warm {
        /// Bytes of it.
        bytes: u64,
    },
    /// There is a file, but it is not used; the next save replaces it.
    Rejected {
        /// Why not.
        reason: CacheFault,
    },
}

/// Why no pipelines are kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheUnused {
    /// The options name no folder.
    #[error("no folder was given")]
    NotAsked,
    /// The adapter's driver or backend keeps none, or keeps them by itself.
    #[error("the adapter does not offer it")]
    NotOffered,
    /// It is offered, but could not be made.
    #[error("the driver refused it: {reason}")]
    Refused {
        /// Its message.
        reason: String,
    },
}

/// The result of the last save.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CacheSave {
    /// There was none yet.
    NotYet,
    /// The file holds all there is.
    Unchanged,
    /// It wrote the file.
    Saved {
        /// Bytes of pipelines.
        bytes: u64,
    },
    /// It could not; the next start compiles again.
    Failed {
        /// Why not, and what to do.
        message: String,
    },
}

impl PipelineCacheState {
    /// Whether something is in the way of a second start that compiles nothing.
    pub fn is_trouble(&self) -> bool {
        matches!(self.start, CacheStart::Unused { .. } | CacheStart::Rejected { .. })
            || matches!(self.save, CacheSave::Failed { .. })
    }
}

impl fmt::Display for PipelineCacheState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.start {
            CacheStart::Unused { reason } => write!(f, "unused, {reason}"),
            CacheStart::Cold => write!(f, "cold"),
            CacheStart::Warm { bytes } => write!(f, "warm, {bytes} bytes"),
            CacheStart::Rejected { reason } => write!(f, "the file is not used, {reason}"),
        }?;
        match &self.save {
            CacheSave::NotYet => Ok(()),
            CacheSave::Unchanged => write!(f, "; unchanged"),
            CacheSave::Saved { bytes } => write!(f, "; {bytes} bytes saved"),
            CacheSave::Failed { message } => write!(f, "; not saved, {message}"),
        }
    }
}

/// A context's pipelines on disk, or why there are none.
#[derive(Debug)]
pub(super) struct PipelineCache {
    used: Option<Used>,
    state: Mutex<PipelineCacheState>,
}

#[derive(Debug)]
struct Used {
    cache: wgpu::PipelineCache,
    file: PathBuf,
    key: String,
    /// Checksum of the blob that the file holds.
    kept: Mutex<Option<u128>>,
}

/// Held while saving: two contexts with the same folder would share the name of the temporary file.
static SAVING: Mutex<()> = Mutex::new(());

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PipelineCache {
    /// Reads what an earlier start left in `folder`. Needs the feature on the device, and is unused without.
    pub(super) fn open(device: &wgpu::Device, info: &wgpu::AdapterInfo, folder: Option<&Path>) -> Self {
        let (used, start) = match load(device, info, folder) {
            Ok((used, start)) => (Some(used), start),
            Err(reason) => (None, CacheStart::Unused { reason }),
        };
        Self { used, state: Mutex::new(PipelineCacheState { start, save: CacheSave::NotYet }) }
    }

    /// The cache to make pipelines with.
    pub(super) fn handle(&self) -> Option<&wgpu::PipelineCache> {
        self.used.as_ref().map(|used| &used.cache)
    }

    pub(super) fn state(&self) -> PipelineCacheState {
        lock(&self.state).clone()
    }

    /// Writes the file if there is anything new; the state says what came of it.
    pub(super) fn save(&self) {
        // A page has no file to write to; the constant leaves all of this out of its module.
        let Some(used) = self.used.as_ref().filter(|_| cfg!(not(target_arch = "wasm32"))) else { return };
        let _saving = lock(&SAVING);
        let Some(blob) = used.cache.get_data() else { return }; // the device is lost, and others will say so
        let (bytes, checksum) = (blob.len() as u64, xxh3_128(&blob));
        let mut kept = lock(&used.kept);
        let save = if *kept == Some(checksum) {
            CacheSave::Unchanged
        } else {
            match write(&used.file, &used.key, &blob) {
                Ok(()) => {
                    *kept = Some(checksum);
                    CacheSave::Saved { bytes }
                }
                Err(message) => CacheSave::Failed { message },
            }
        };
        lock(&self.state).save = save;
    }
}

fn load(
    device: &wgpu::Device,
    info: &wgpu::AdapterInfo,
    folder: Option<&Path>,
) -> Result<(Used, CacheStart), CacheUnused> {
    if cfg!(target_arch = "wasm32") {
        return Err(CacheUnused::NotOffered);
    }
    let folder = folder.ok_or(CacheUnused::NotAsked)?;
    let adapter = wgpu::util::pipeline_cache_key(info)
        .filter(|_| device.features().contains(wgpu::Features::PIPELINE_CACHE))
        .ok_or(CacheUnused::NotOffered)?;
    // One file an adapter: whatever else changes replaces it, so that updates leave no litter.
    let file = folder.join(format!("{adapter}.pipelines"));
    let key = format!(
        "{adapter}, {} {}, {} bits, nestling {}, kernels {:032x}",
        info.driver,
        info.driver_info,
        usize::BITS,
        env!("CARGO_PKG_VERSION"),
        nestling_shaders::fingerprint()
    );
    let mut start = CacheStart::Cold;
    match read(&file, &key) {
        Ok(None) => {}
        Ok(Some(blob)) => match create(device, Some(&blob)) {
            Ok(cache) => {
                let kept = Mutex::new(Some(xxh3_128(&blob)));
                return Ok((Used { cache, file, key, kept }, CacheStart::Warm { bytes: blob.len() as u64 }));
            }
            Err(reason) => start = CacheStart::Rejected { reason: CacheFault::Refused { reason } },
        },
        Err(reason) => start = CacheStart::Rejected { reason },
    }
    let cache = create(device, None).map_err(|reason| CacheUnused::Refused { reason })?;
    Ok((Used { cache, file, key, kept: Mutex::default() }, start))
}

/// The blob that an earlier start wrote for `key`, if there is a file.
pub(super) fn read(file: &Path, key: &str) -> Result<Option<Vec<u8>>, CacheFault> {
    let unreadable = |error: io::Error| CacheFault::Unreadable { reason: error.to_string() };
    let opened = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let mut bytes = Vec::new();
    opened.take(FILE_LIMIT + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(CacheFault::TooLarge { limit: FILE_LIMIT });
    }
    cache_file::blob(&bytes, key).map(|blob| Some(blob.to_vec()))
}

pub(super) fn write(file: &Path, key: &str, blob: &[u8]) -> Result<(), String> {
    let header = cache_file::header(key, blob);
    let bytes = (header.len() + blob.len()) as u64;
    if bytes > FILE_LIMIT {
        return Err(format!(
            "{bytes} bytes of pipelines are more than the {FILE_LIMIT} of a file: delete {}",
            file.display()
        ));
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| format!("cannot make folder {}: {error}", folder.display()))?;
    }
    write_atomically(file, |out| out.write_all(&header).and_then(|()| out.write_all(blob)))
        .map_err(|error| error.to_string())
}

fn create(device: &wgpu::Device, data: Option<&[u8]>) -> Result<wgpu::PipelineCache, String> {
    let filters = [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation];
    let scopes = filters.map(|filter| device.push_error_scope(filter));
    let descriptor = wgpu::PipelineCacheDescriptor { label: Some("nestling"), data, fallback: true };
    // SAFETY: the data is what wgpu gave for this adapter, driver, crate and word size. The file's checksum excludes
    // accidents and its key all else; that nobody forges one is the contract of `ContextOptions::pipeline_cache`. wgpu
    // compares adapter and driver once more, and starts with an empty cache if they differ.
    #[allow(unsafe_code)]
    let cache = unsafe { device.create_pipeline_cache(&descriptor) };
    // Natively a verdict is ready at once; the last scope is popped first. All are popped.
    let errors: Vec<_> = scopes.into_iter().rev().filter_map(|scope| pollster::block_on(scope.pop())).collect();
    errors.first().map_or(Ok(cache), |error| Err(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_bundle::atomic_file::stopped::{each_point, stop};
    use nestling_torture::Campaign;

    /// The driver is given nothing but what an earlier start wrote whole.
    #[test]
    fn a_cache_is_old_or_new_wherever_its_save_stops() {
        let mut campaign = Campaign::new("stopped saves of a pipeline cache", 1, 1);
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("adapter.pipelines");
        let [old, new, next] = [3u8, 5, 7].map(|byte| vec![byte; 9000]);
        let count = each_point(if campaign.is_long() { 1 } else { 101 }, |at| {
            write(&file, "key", &old).unwrap();
            let (result, is_stopped) = stop(at, || write(&file, "key", &new));
            let found = read(&file, "key");
            let is_new = matches!(&found, Ok(Some(blob)) if *blob == new);
            if !(is_new || result.is_err() && matches!(&found, Ok(Some(blob)) if *blob == old)) {
                campaign.fault(format!("{at:?}: {result:?}, then {:?}", found.map(|blob| blob.map(|blob| blob.len()))));
            }
            is_stopped
        });
        write(&file, "key", &next).unwrap();
        assert_eq!(read(&file, "key"), Ok(Some(next)));
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        campaign.add(count);
        campaign.finish();
    }
}
