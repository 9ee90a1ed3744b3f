//! Results of self-tests, kept on disk beside compiled pipelines: a later start need not test again what the same driver
//! got right or wrong with the same kernels.

use super::pipeline_cache::{read, write};
use crate::gpu::Fault;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use xxhash_rust::xxh3::xxh3_64;

/// The result of each test by its name: a fault or none.
pub(super) type Verdicts = BTreeMap<String, Option<Fault>>;

/// The file of an adapter's verdicts.
#[derive(Debug)]
pub(super) struct VerdictFile {
    path: PathBuf,
    /// Everything that a verdict depends on.
    key: String,
    /// Verdicts that the file holds.
    kept: Mutex<usize>,
}

impl VerdictFile {
    /// The file in a folder, and the verdicts that an earlier start left there for the same adapter, driver and kernels.
    /// One that is missing, damaged or another's holds none: all is tested again.
    pub(super) fn open(folder: &Path, info: &wgpu::AdapterInfo) -> (Self, Verdicts) {
        let adapter = format!("{:?} {} {:x} {:x}", info.backend, info.name, info.vendor, info.device);
        let path = folder.join(format!("{:016x}.verdicts", xxh3_64(adapter.as_bytes())));
        let key = format!(
            "verdicts of {adapter}, {} {}, nestling {}, kernels {:032x}",
            info.driver,
            info.driver_info,
            env!("CARGO_PKG_VERSION"),
            nestling_shaders::fingerprint()
        );
        let blob = read(&path, &key).ok().flatten();
        let known: Verdicts = blob.and_then(|blob| serde_json::from_slice(&blob).ok()).unwrap_or_default();
        (Self { path, key, kept: Mutex::new(known.len()) }, known)
    }

    /// Writes the file if there are more verdicts than it holds. A file that cannot be written costs the next start the
    /// time of the tests, and nothing else.
    pub(super) fn save(&self, verdicts: &Verdicts) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if verdicts.len() > *kept
            && let Ok(blob) = serde_json::to_vec(verdicts)
            && write(&self.path, &self.key, &blob).is_ok()
        {
            *kept = verdicts.len();
        }
    }
}
