//! The files of one run. Each step leaves its result for the next one.

mod error;
mod json;
mod saver;
#[cfg(test)]
mod stop_tests;

pub use error::{RunError, Step};
pub use json::{read_json, write_json};
pub use saver::Saver;

use crate::data::{ScanReport, write_report};
use crate::search::SearchReport;
use crate::tensorboard::{Curves, EventFile};
use crate::train::{Checkpoint, EpochReport};
use nestling_bundle::NetworkId;
use nestling_bundle::atomic_file::{check_outputs, read_text, write_atomically};
use nestling_bundle::file_lock::{FileLock, LockError};
use nestling_core::names::check_name;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Most bytes of a text of a run: a search of a million children stays below.
const MAX_BYTES: u64 = 1 << 30;

/// A folder with `checkpoint.safetensors`, `train.jsonl`, TensorBoard's events, `search.json`, `packed.json`;
/// `.nestling-lock` while a process uses it.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Uses `path`, and makes it if it is missing. Checks that training can write its files, and that none of them is
    /// among the `inputs`.
    ///
    /// # Errors
    /// [`RunError::Folder`] if it cannot be made, [`RunError::Write`] if a file cannot be written.
    pub fn create(path: &Path, inputs: &[PathBuf]) -> Result<Self, RunError> {
        let folder = Self(path.to_owned());
        folder.check_folder()?;
        std::fs::create_dir_all(path).map_err(|source| RunError::Folder { path: path.to_owned(), source })?;
        let files = [
            folder.epochs_path(),
            folder.checkpoint_path(),
            folder.events_path(),
            folder.begun_path(),
            folder.scan_path(),
        ];
        check_outputs(files.iter().map(PathBuf::as_path), folder.beside(inputs))?;
        Ok(folder)
    }

    /// The inputs without folders that hold the run: its own files are none of a data set's.
    pub fn beside<'a>(&self, inputs: &'a [PathBuf]) -> impl Iterator<Item = &'a Path> {
        let own = self.0.canonicalize().ok();
        let holds_run = move |input: &Path| {
            let input = input.canonicalize().ok().filter(|input| input.is_dir());
            input.zip(own.as_ref()).is_some_and(|(input, own)| own.starts_with(input))
        };
        inputs.iter().map(PathBuf::as_path).filter(move |input| !holds_run(input))
    }

    /// Uses `path` to read from, and makes nothing.
    pub fn open(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// All files that the steps read and write, whether they are there or not.
    pub fn files(&self) -> Vec<PathBuf> {
        let Self(folder) = self;
        vec![
            self.checkpoint_path(),
            self.epochs_path(),
            self.events_path(),
            self.search_path(),
            self.packed_path(),
            self.begun_path(),
            self.scan_path(),
            FileLock::of_folder(folder),
        ]
    }

    /// # Errors
    /// [`RunError::NoFolder`] if the path is a file's.
    fn check_folder(&self) -> Result<(), RunError> {
        let Self(folder) = self;
        if folder.exists() && !folder.is_dir() {
            return Err(RunError::NoFolder { path: folder.clone() });
        }
        Ok(())
    }

    /// Keeps other processes out, as long as the value lives. None if there is no such folder.
    ///
    /// # Errors
    /// [`RunError::Lock`] at once if another process uses the folder, or no file can be made in it.
    /// [`RunError::NoFolder`] if a file lies there.
    pub fn lock(&self, activity: &str) -> Result<Option<FileLock>, RunError> {
        self.check_folder()?;
        if !self.0.is_dir() {
            return Ok(None);
        }
        Ok(Some(FileLock::try_folder(&self.0, activity)?))
    }

    /// As [`RunFolder::lock`], for work that need not write to the folder: one on a read-only disk needs no lock.
    ///
    /// # Errors
    /// [`RunError::Lock`] at once if another process uses the folder.
    pub fn lock_to_read(&self, activity: &str) -> Result<Option<FileLock>, RunError> {
        match self.lock(activity) {
            Err(RunError::Lock(LockError::File { .. })) => Ok(None),
            taken => taken,
        }
    }

    fn checkpoint_path(&self) -> PathBuf {
        self.0.join("checkpoint.safetensors")
    }

    fn epochs_path(&self) -> PathBuf {
        self.0.join("train.jsonl")
    }

    fn events_path(&self) -> PathBuf {
        self.0.join("events.out.tfevents.nestling")
    }

    fn search_path(&self) -> PathBuf {
        self.0.join("search.json")
    }

    fn packed_path(&self) -> PathBuf {
        self.0.join("packed.json")
    }

    fn begun_path(&self) -> PathBuf {
        self.0.join("begun.json")
    }

    fn scan_path(&self) -> PathBuf {
        self.0.join("scan.json")
    }

    /// Keeps the flags that only a new run has, by their names.
    ///
    /// # Errors
    /// [`RunError::Write`] if the disk does not take them.
    pub fn save_begun(&self, flags: &BTreeMap<String, String>) -> Result<(), RunError> {
        Ok(write_json(&self.begun_path(), flags)?)
    }

    /// The flags that the run began with; none in older runs.
    ///
    /// # Errors
    /// [`RunError::Damaged`] if their file cannot be read.
    pub fn begun(&self) -> Result<BTreeMap<String, String>, RunError> {
        match read_json(&self.begun_path(), Step::Train) {
            Err(RunError::Missing { .. }) => Ok(BTreeMap::new()),
            read => read,
        }
    }

    /// Whether the run is one of picture files, which were scanned before it began.
    pub fn has_scan(&self) -> bool {
        self.scan_path().is_file()
    }

    /// Writes the outcome of the scan; returns its file.
    ///
    /// # Errors
    /// [`RunError::Write`] if the disk does not take it.
    pub fn save_scan(&self, report: &ScanReport) -> Result<PathBuf, RunError> {
        let path = self.scan_path();
        write_report(report, &path)?;
        Ok(path)
    }

    /// Whether there is a checkpoint.
    ///
    /// # Errors
    /// [`RunError::NoFolder`] if the path is a file's.
    pub fn is_trained(&self) -> Result<bool, RunError> {
        self.check_folder()?;
        Ok(self.checkpoint_path().exists())
    }

    /// The checkpoint, if there is one.
    ///
    /// # Errors
    /// [`CheckpointError`](crate::train::CheckpointError) if it is damaged.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, RunError> {
        self.check_folder()?;
        let path = self.checkpoint_path();
        Ok(if path.exists() { Some(Checkpoint::read(&path)?) } else { None })
    }

    /// The checkpoint of a run that was started.
    ///
    /// # Errors
    /// [`RunError::Missing`] if there is none.
    pub fn trained(&self) -> Result<Checkpoint, RunError> {
        let missing = RunError::Missing { path: self.checkpoint_path(), step: Step::Train };
        self.checkpoint()?.ok_or(missing)
    }

    /// Writes the checkpoint and the epochs so far; each file whole or not at all.
    ///
    /// # Errors
    /// [`RunError`] if the disk does not take them.
    pub fn save(&self, checkpoint: &Checkpoint, epochs: &[EpochReport]) -> Result<(), RunError> {
        // The log first: a checkpoint without its line would lose the line for good.
        write_atomically(&self.epochs_path(), |file| {
            for epoch in epochs {
                serde_json::to_writer(&mut *file, epoch)?;
                writeln!(file)?;
            }
            Ok(())
        })?;
        Ok(checkpoint.write(&self.checkpoint_path())?)
    }

    /// The curves for TensorBoard of a run that goes on at `step`; later ones are cut off.
    ///
    /// # Errors
    /// The system's, if the file cannot be read and written.
    pub fn curves(&self, step: u64) -> std::io::Result<Curves> {
        Ok(Curves::new(EventFile::open(&self.events_path(), step)?))
    }

    /// The epochs up to `step`. Later lines belong to a checkpoint that was never written.
    ///
    /// # Errors
    /// [`RunError::Damaged`] if a line cannot be read.
    pub fn epochs(&self, step: u64) -> Result<Vec<EpochReport>, RunError> {
        let path = self.epochs_path();
        let damaged = |problem: String| RunError::Damaged { path: path.clone(), problem };
        let text = match read_text(&path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(damaged(error.to_string())),
        };
        let epochs: Result<Vec<EpochReport>, _> = text.lines().map(serde_json::from_str).collect();
        let mut epochs = epochs.map_err(|error| damaged(error.to_string()))?;
        epochs.retain(|epoch| epoch.step <= step);
        Ok(epochs)
    }

    /// Checks that [`RunFolder::save_search`] will be able to write, and will replace none of the `inputs`. Without the
    /// folder there is nothing to search.
    ///
    /// # Errors
    /// [`RunError::Write`] if not.
    pub fn check_search(&self, inputs: &[PathBuf]) -> Result<(), RunError> {
        if self.0.is_dir() {
            check_outputs([&*self.search_path()], self.beside(inputs))?;
        }
        Ok(())
    }

    /// Writes the report of a search.
    ///
    /// # Errors
    /// [`RunError::Write`] if the disk does not take it.
    pub fn save_search(&self, report: &SearchReport) -> Result<(), RunError> {
        Ok(write_json(&self.search_path(), report)?)
    }

    /// The report of the search.
    ///
    /// # Errors
    /// [`RunError::Missing`] if no search was run, [`RunError::Damaged`] if its file cannot be read.
    pub fn searched(&self) -> Result<SearchReport, RunError> {
        let report: SearchReport = read_json(&self.search_path(), Step::Search)?;
        let names = report.chosen.iter().try_for_each(|chosen| check_name(&chosen.name));
        names.map_err(|error| RunError::Damaged { path: self.search_path(), problem: error.to_string() })?;
        Ok(report)
    }

    /// The networks of all bundles that were packed from this run: such a bundle may be replaced by a new one of the
    /// run.
    ///
    /// # Errors
    /// [`RunError::Damaged`] if their file cannot be read.
    pub fn packed(&self) -> Result<BTreeSet<String>, RunError> {
        match read_json(&self.packed_path(), Step::Search) {
            Err(RunError::Missing { .. }) => Ok(BTreeSet::new()),
            read => read,
        }
    }

    /// Adds the network of a packed bundle.
    ///
    /// # Errors
    /// [`RunError::Write`] if the disk does not take it.
    pub fn add_packed(&self, network: NetworkId) -> Result<(), RunError> {
        let mut networks = self.packed()?;
        if networks.insert(network.to_string()) {
            write_json(&self.packed_path(), &networks)?;
        }
        Ok(())
    }
}
