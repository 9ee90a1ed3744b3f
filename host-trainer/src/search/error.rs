use crate::calibrate::CalibrateError;
use crate::fleet::FleetError;
use nestling_core::space::SpaceError;
use std::path::PathBuf;

/// The reason why a space cannot be searched under a limit or under budgets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SearchError {
    /// There is neither a trained run nor a bundle.
    #[error("{run} holds no trained run, and no bundle was given")]
    NothingKnown {
        /// Folder of the run.
        run: PathBuf,
    },
    /// The bundle was packed from another run.
    #[error("{bundle} has another search space than the run in {run}; take the bundle that was packed from that run")]
    OtherSpace {
        /// The bundle.
        bundle: PathBuf,
        /// Folder of the run.
        run: PathBuf,
    },
    /// Nothing predicts how accurate a child would be.
    #[error("there is no accuracy predictor; search the run in {run} again, with random children, to fit one")]
    NoPredictor {
        /// Folder of the run.
        run: PathBuf,
    },
    /// No device is known without a bundle.
    #[error("no bundle says how fast `{device}` is; give a bundle that has its latency table")]
    NoBundle {
        /// The name asked for.
        device: String,
    },
    /// The name matches no single device of the bundle.
    #[error("cannot search with {bundle}: {source}")]
    Device {
        /// The bundle.
        bundle: PathBuf,
        /// The reason.
        source: Box<FleetError>,
    },
    /// Every child costs more.
    #[error("no child of the space keeps within {limit}; the smallest takes {smallest}: give at least that")]
    TooTight {
        /// The limit.
        limit: String,
        /// Cost of the smallest child.
        smallest: String,
    },
    /// Budgets do not rise, or there are none or too many.
    #[error("budgets are {given}: {problem}")]
    Budgets {
        /// The budgets.
        given: String,
        /// The rule that they break.
        problem: String,
    },
    /// The coarse grid alone needs more children.
    #[error(
        "{given} evaluations are too few: the coarse grid takes {grid}, and each budget at least one more; give {needed} or more"
    )]
    TooFewEvaluations {
        /// The evaluations that were allowed.
        given: usize,
        /// Children of the coarse grid within the largest budget.
        grid: usize,
        /// Fewest evaluations.
        needed: usize,
    },
    /// A child cannot be calibrated or evaluated.
    #[error(transparent)]
    Evaluate(#[from] CalibrateError),
    /// A child is not one of the space's, or the weights are broken.
    #[error(transparent)]
    Space(#[from] SpaceError),
}

impl SearchError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NothingKnown { .. } => "search_nothing_known",
            Self::OtherSpace { .. } => "search_other_space",
            Self::NoPredictor { .. } => "search_no_predictor",
            Self::NoBundle { .. } => "search_no_bundle",
            Self::Device { source, .. } => source.code(),
            Self::TooTight { .. } => "search_too_tight",
            Self::Budgets { .. } => "search_budgets",
            Self::TooFewEvaluations { .. } => "search_too_few_evaluations",
            Self::Evaluate(error) => error.code(),
            Self::Space(error) => error.code(),
        }
    }
}
