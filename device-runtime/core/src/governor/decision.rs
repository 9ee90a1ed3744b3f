use serde::Serialize;
use std::fmt;

/// The step to take after an inference. Rungs are counted from 0, the fastest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The child continues to serve.
    Stay,
    /// A faster child must serve from now on.
    StepDown {
        /// Its rung.
        to: usize,
        /// The reason for the step.
        why: Reason,
    },
    /// A more accurate child fits.
    StepUp {
        /// Its rung.
        to: usize,
    },
    /// Even the fastest child breaks the budget. It continues to serve, and this is returned until a window keeps the
    /// budget.
    TooSlow,
}

/// The reason of a step down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Too many of the last few inferences missed the budget.
    Misses,
    /// Misses are few, but p95 has been over the budget for a whole window.
    P95,
    /// The system says that the device is too hot.
    Heat,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Misses => "several inferences missed the budget",
            Self::P95 => "p95 stayed over the budget",
            Self::Heat => "the device is too hot",
        })
    }
}
