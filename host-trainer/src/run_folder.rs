//! The files of one run: what each step leaves for the next.

use crate::search::Evaluated;
use crate::train::{Checkpoint, CheckpointError, EpochReport};
use nestling_bundle::atomic_file::{WriteError, write_atomically};
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::metrics::Top1;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::path::{Path, PathBuf};

/// A folder with `checkpoint.safetensors`, `train.jsonl`, `search.json`.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

/// Why a file of a run cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A step was left out.
    #[error("{path} is missing; run `{command}` first")]
    Missing {
        /// Which file.
        path: PathBuf,
        /// What makes it.
        command: &'static str,
    },
    /// The file is damaged.
    #[error("cannot read {path}: {problem}; remove it and run the step again")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The folder cannot be made.
    #[error("cannot make folder {path}: {source}")]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The disk did not take a file.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The checkpoint is damaged.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SearchReport {
    /// Training images that calibrated each child.
    pub calibration_images: u32,
    /// Everything that was evaluated.
    pub evaluated: Vec<Evaluated>,
    /// Indices of the evaluated children from which the accuracy predictor did not learn: they tell its error.
    #[serde(default)]
    pub kept_from_predictor: Vec<usize>,
    /// Predicts the held-out accuracy of any child; none where too few children were evaluated, and in files of searches that
    /// did not fit one.
    #[serde(default)]
    pub accuracy_predictor: Option<AccuracyPredictor>,
    /// What ships.
    pub chosen: Vec<Chosen>,
    /// CPU seconds.
    pub cpu_s: f64,
    /// Wall seconds.
    pub wall_s: f64,
}

/// A child that ships.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Its name in the bundle.
    pub name: String,
    /// Which of the evaluated children.
    pub index: usize,
    /// Accuracy on the test images, looked at once, after the choice.
    pub test: Top1,
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

    /// Uses `path` to read from; makes nothing.
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
        let missing = RunError::Missing { path: self.checkpoint_path(), command: "nestling train" };
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

    /// The epochs up to `step`: lines after it belong to a checkpoint that was never written.
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

    /// Writes what a search found.
    ///
    /// # Errors
    /// [`RunError::Write`] if the disk does not take it.
    pub fn save_search(&self, report: &SearchReport) -> Result<(), RunError> {
        Ok(write_json(&self.0.join("search.json"), report)?)
    }

    /// What the search found.
    ///
    /// # Errors
    /// [`RunError::Missing`] if no search was run, [`RunError::Damaged`] if its file cannot be read.
    pub fn searched(&self) -> Result<SearchReport, RunError> {
        read_json(&self.0.join("search.json"), "nestling search")
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

/// Reads a JSON file that `command` makes.
///
/// # Errors
/// [`RunError::Missing`] or [`RunError::Damaged`].
pub fn read_json<T: DeserializeOwned>(path: &Path, command: &'static str) -> Result<T, RunError> {
    let damaged = |problem: String| RunError::Damaged { path: path.to_owned(), problem };
    match std::fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text).map_err(|error| damaged(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(RunError::Missing { path: path.to_owned(), command })
        }
        Err(error) => Err(damaged(error.to_string())),
    }
}
