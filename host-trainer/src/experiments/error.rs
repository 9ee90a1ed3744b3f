use crate::calibrate::CalibrateError;
use crate::data::DataError;
use crate::run_folder::RunError;
use crate::search::SearchError;
use crate::train::SpecialiseError;
use crate::train::TrainError;
use crate::train::auto_slim::SlimError;
use nestling_bundle::atomic_file::WriteError;
use nestling_core::space::SpaceError;
use std::path::PathBuf;

/// The reason why an experiment cannot be run, or its results not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExperimentError {
    /// The processor time that was allowed is spent.
    #[error(
        "{spent_s:.0} CPU-seconds are spent, which is the limit; every finished epoch is kept, and the next call goes on"
    )]
    OutOfTime {
        /// CPU-seconds of this call.
        spent_s: f64,
    },
    /// A variant that is asked for is none of the experiment's.
    #[error("{experiment} has no variant `{variant}`; it has: {known}")]
    NoVariant {
        /// The experiment.
        experiment: &'static str,
        /// The variant that is asked for.
        variant: String,
        /// Its variants.
        known: String,
    },
    /// A file of results cannot be used.
    #[error("cannot use {path}: {problem}")]
    Results {
        /// The file.
        path: PathBuf,
        /// The fault.
        problem: String,
    },
    /// A training cannot start or go on.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// A child cannot be evaluated.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// The folder of a training cannot be used.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The data set cannot be read.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A child is not in its space.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A child's own statistics are missing.
    #[error(transparent)]
    Specialise(#[from] SpecialiseError),
    /// A search cannot be run.
    #[error(transparent)]
    Search(#[from] SearchError),
    /// A network cannot be slimmed.
    #[error(transparent)]
    Slim(#[from] SlimError<CalibrateError>),
    /// The disk does not take a file.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ExperimentError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OutOfTime { .. } => "experiment_out_of_time",
            Self::NoVariant { .. } => "experiment_variants",
            Self::Results { .. } => "experiment_results",
            Self::Train(error) => error.code(),
            Self::Calibrate(error) => error.code(),
            Self::Run(error) => error.code(),
            Self::Data(error) => error.code(),
            Self::Space(error) => error.code(),
            Self::Specialise(error) => error.code(),
            Self::Search(error) => error.code(),
            Self::Slim(error) => error.code(CalibrateError::code),
            Self::Write(error) => error.code(),
        }
    }
}
