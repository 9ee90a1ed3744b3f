use super::WINDOW;
use crate::metrics::Millis;
use std::time::Duration;

/// The limit that a [`Governor`](super::Governor) keeps, and how soon it steps.
///
/// ```
/// use nestling_core::metrics::Millis;
/// use nestling_core::governor::GovernorOptions;
/// let options = GovernorOptions::new(Millis(8.0)).margin(0.3);
/// assert_eq!(options.misses, 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct GovernorOptions {
    /// The time limit that 95 of 100 inferences should keep.
    pub limit: Millis,
    /// The rung that serves first. `None` takes the most accurate that is predicted to take at most four fifths of `limit`.
    pub start: Option<usize>,
    /// The number of misses ...
    pub misses: usize,
    /// ... among this number of inferences that causes a step down.
    pub among: usize,
    /// The part of the limit that must be predicted to stay free on a slower rung: 0.1 is 10 %.
    pub margin: f64,
    /// How long the next rung must be predicted to fit before a step up.
    pub up_after: Duration,
    /// The time in which a constant load switches at most twice: nothing was switched for so long before a step up, and
    /// a third switch within it must be a step down because most of the last inferences missed.
    pub quiet: Duration,
    /// The least time that a rung must hold after a step up. If it holds for less, the wait before it is tried again
    /// doubles.
    pub proven_after: Duration,
    /// The wait before a rung is tried again grows up to this.
    pub longest_wait: Duration,
}

impl GovernorOptions {
    /// The defaults for a limit: down after 3 misses in 8, up after 30 seconds with 10 % to spare.
    pub fn new(limit: Millis) -> Self {
        Self {
            limit,
            start: None,
            misses: 3,
            among: 8,
            margin: 0.1,
            up_after: Duration::from_secs(30),
            quiet: Duration::from_secs(60),
            proven_after: Duration::from_secs(5 * 60),
            longest_wait: Duration::from_secs(16 * 60),
        }
    }

    crate::setters! {
        limit: Millis, start: Option<usize>, misses: usize, among: usize, margin: f64, up_after: Duration, quiet: Duration,
        proven_after: Duration, longest_wait: Duration,
    }

    pub(super) fn check(&self, rungs: usize) -> Result<(), GovernorError> {
        check_limit(self.limit)?;
        if !(0.0..1.0).contains(&self.margin) {
            return Err(GovernorError::Margin { margin: self.margin });
        }
        if !(1..=self.among).contains(&self.misses) || self.among > WINDOW {
            return Err(GovernorError::Misses { misses: self.misses, among: self.among });
        }
        match self.start {
            Some(index) if index >= rungs => Err(GovernorError::NoSuchRung { index, rungs }),
            _ => Ok(()),
        }
    }
}

pub(super) fn check_limit(limit: Millis) -> Result<(), GovernorError> {
    if limit.0 > 0.0 && limit.0.is_finite() { Ok(()) } else { Err(GovernorError::NoDuration { limit }) }
}

/// Why there is no governor.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GovernorError {
    /// The ladder is empty.
    #[error(
        "a governor needs at least one child to step among, but the ladder is empty; give it a rung for each child"
    )]
    NoRung,
    /// A rung of the ladder is invalid.
    #[error("`{name}` is not a rung of a ladder: {problem}; {remedy}")]
    Rung {
        /// Its name.
        name: String,
        /// The fault.
        problem: &'static str,
        /// The remedy.
        remedy: &'static str,
    },
    /// The ladder has no rung of that index.
    #[error(
        "the ladder has no rung {index}: its rungs are counted from 0; start with one below {rungs}, or with `None`"
    )]
    NoSuchRung {
        /// The index that was given.
        index: usize,
        /// How many there are.
        rungs: usize,
    },
    /// The budget is not a duration.
    #[error("a budget of {limit} is not a duration: give a positive number of milliseconds")]
    NoDuration {
        /// The limit that was given.
        limit: Millis,
    },
    /// The margin is not part of the budget.
    #[error("a margin of {margin} is not part of a budget: give a number from 0 up to, not including, 1")]
    Margin {
        /// The margin that was given.
        margin: f64,
    },
    /// These misses can never occur in the window.
    #[error(
        "a step down after {misses} misses among {among} inferences cannot be: give 1 to {WINDOW} of at most {WINDOW}"
    )]
    Misses {
        /// So many misses.
        misses: usize,
        /// Among so many inferences.
        among: usize,
    },
}

impl GovernorError {
    /// A stable name of this kind of error, for bindings.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRung => "governor_no_rung",
            Self::Rung { .. } => "governor_rung",
            Self::NoSuchRung { .. } => "governor_no_such_rung",
            Self::NoDuration { .. } => "governor_no_duration",
            Self::Margin { .. } => "governor_margin",
            Self::Misses { .. } => "governor_misses",
        }
    }
}
