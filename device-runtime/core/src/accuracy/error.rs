use crate::metrics::Top1;
use crate::space::SpaceError;

/// Why there is no accuracy predictor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PredictorError {
    /// Too few children to fit.
    #[error("{given} evaluated children are too few for an accuracy predictor: evaluate {needed} or more")]
    TooFew {
        /// Children that were given.
        given: usize,
        /// Fewest children.
        needed: usize,
    },
    /// No child is held out to measure the error.
    #[error("no child is held out, so that nothing would tell the accuracy predictor's error: hold out some")]
    NoneHeldOut,
    /// A held-out child was also fitted.
    #[error("child `{child}` is both fitted and held out: give it to one side only")]
    OnBothSides {
        /// The child, printed.
        child: String,
    },
    /// An accuracy that is invalid.
    #[error("child `{child}` has {} hits on {} images: evaluate it again", measured.correct, measured.images)]
    Measured {
        /// The child, printed.
        child: String,
        /// Its accuracy.
        measured: Top1,
    },
    /// The space does not offer a child.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A predictor that no fit gives.
    #[error(
        "the accuracy predictor does not fit the space: it has {problem}; fit it again with `AccuracyPredictor::fit`"
    )]
    Unsound {
        /// The fault.
        problem: String,
    },
}

impl PredictorError {
    /// A stable name of this error, for bindings.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooFew { .. } => "predictor_too_few",
            Self::NoneHeldOut => "predictor_none_held_out",
            Self::OnBothSides { .. } => "predictor_on_both_sides",
            Self::Measured { .. } => "predictor_accuracy",
            Self::Space(error) => error.code(),
            Self::Unsound { .. } => "predictor_unsound",
        }
    }
}
