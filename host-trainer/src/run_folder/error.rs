use crate::data::DataError;
use crate::train::CheckpointError;
use nestling_bundle::ProfileError;
use nestling_bundle::atomic_file::WriteError;
use nestling_bundle::file_lock::LockError;
use std::fmt;
use std::path::PathBuf;

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
    /// A file has the name of the folder.
    #[error("{path} is a file; give the folder of a run")]
    NoFolder {
        /// The file.
        path: PathBuf,
    },
    /// The disk did not take a file.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Another process uses the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The checkpoint is damaged.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// An image cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The device's profile is damaged.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl RunError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "step_missing",
            Self::Damaged { .. } => "run_damaged",
            Self::Folder { .. } | Self::NoFolder { .. } => "run_folder",
            Self::Write(error) => error.code(),
            Self::Lock(error) => error.code(),
            Self::Checkpoint(error) => error.code(),
            Self::Data(error) => error.code(),
            Self::Profile(error) => error.code(),
        }
    }
}
