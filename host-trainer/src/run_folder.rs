//! The files of one run. Each step leaves its result for the next one.

use crate::search::SearchReport;
use crate::train::{Checkpoint, CheckpointError, EpochReport};
use nestling_bundle::ProfileError;
use nestling_bundle::atomic_file::{WriteError, write_atomically};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt;
use std::path::{Path, PathBuf};

/// A folder with `checkpoint.safetensors`, `train.jsonl`, `search.json`.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

/// A step that writes files for later steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Training.
    Train,
    /// The search without a limit.
    Search,
    /// The demo, which runs all steps.
    Demo,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Train => "training",
            Self::Search => "the search",
            Self::Demo => "the demo",
        })
    }
}

/// The reason why a file of a run cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A step was left out.
    #[error("{path} is missing; {step} writes it")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The step that writes it.
        step: Step,
    },
    /// The file is damaged.
    #[error("cannot read {path}: {problem}; remove it and run the step again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// The folder cannot be made.
    #[error("cannot make folder {path}: {source}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The system's message.
        source: std::io::Error,
    },
    /// The disk did not take a file.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The checkpoint is damaged.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The device's profile is damaged.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl RunFolder {
    /// Uses `path`, and makes it if it is missing.
    ///
    /// # Errors
    /// [`RunError::Folder`] if it cannot be made.
    pub fn create(path: &Path) -> Result<Self, RunError> {
        std::fs::create_dir_all(path).map_err(|source| RunError::Folder { path: path.to_owned(), source })?;
        Ok(Self(path.to_owned()))
    }

    /// Uses `path` to read from, and makes nothing.
    pub fn open(path: &Path) -> Self {
        Self(path.to_owned())
    }

    fn checkpoint_path(&self) -> PathBuf {
        self.0.join("checkpoint.safetensors")
    }

    /// Whether there is a checkpoint.
    pub fn is_trained(&self) -> bool {
        self.checkpoint_path().exists()
    }

    /// The checkpoint, if there is one.
    ///
    /// # Errors
    /// [`CheckpointError`] if it is damaged.
    pub fn checkpoint(&self) -> Result<Option<Checkpoint>, RunError> {
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
        write_atomically(&self.0.join("train.jsonl"), |file| {
            for epoch in epochs {
                serde_json::to_writer(&mut *file, epoch)?;
                writeln!(file)?;
            }
            Ok(())
        })?;
        Ok(checkpoint.write(&self.checkpoint_path())?)
    }

    /// The epochs up to `step`. Later lines belong to a checkpoint that was never written.
    ///
    /// # Errors
    /// [`RunError::Damaged`] if a line cannot be read.
    pub fn epochs(&self, step: u64) -> Result<Vec<EpochReport>, RunError> {
        let path = self.0.join("train.jsonl");
        let damaged = |problem: String| RunError::Damaged { path: path.clone(), problem };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(damaged(error.to_string())),
        };
        let epochs: Result<Vec<EpochReport>, _> = text.lines().map(serde_json::from_str).collect();
        let mut epochs = epochs.map_err(|error| damaged(error.to_string()))?;
        epochs.retain(|epoch| epoch.step <= step);
        Ok(epochs)
    }

    /// Writes the report of a search.
    ///
    /// # Errors
    /// [`RunError::Write`] if the disk does not take it.
    pub fn save_search(&self, report: &SearchReport) -> Result<(), RunError> {
        Ok(write_json(&self.0.join("search.json"), report)?)
    }

    /// The report of the search.
    ///
    /// # Errors
    /// [`RunError::Missing`] if no search was run, [`RunError::Damaged`] if its file cannot be read.
    pub fn searched(&self) -> Result<SearchReport, RunError> {
        read_json(&self.0.join("search.json"), Step::Search)
    }
}

/// Writes a value as indented JSON, whole or not at all.
///
/// # Errors
/// [`WriteError`] if the disk does not take it.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<(), WriteError> {
    write_atomically(path, |file| {
        serde_json::to_writer_pretty(&mut *file, value)?;
        writeln!(file)
    })
}

/// Reads a JSON file that `step` writes.
///
/// # Errors
/// [`RunError::Missing`] or [`RunError::Damaged`].
pub fn read_json<T: DeserializeOwned>(path: &Path, step: Step) -> Result<T, RunError> {
    let damaged = |problem: String| RunError::Damaged { path: path.to_owned(), problem };
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| damaged(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(RunError::Missing { path: path.to_owned(), step })
        }
        Err(error) => Err(damaged(error.to_string())),
    }
}
