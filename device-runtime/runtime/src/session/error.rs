use crate::engine::EngineError;
use crate::gpu::GpuError;
use nestling_bundle::{BundleError, Stale};
use nestling_core::choosing::Budget;
use nestling_core::governor::GovernorError;
use nestling_core::image::ImageError;
use nestling_core::metrics::Latency;
use nestling_core::space::SpaceError;

/// Why the runtime cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The GPU or the engine on it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The bundle, or a name that it does not have.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The pixels.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The child's weights were never trained.
    #[error(
        "{child} is untrained: its answers would be noise; choose a trained child, or set `RuntimeOptions::untrained` \
         (`--untrained`) to time it anyway"
    )]
    Untrained {
        /// Which child.
        child: String,
    },
    /// A profile of another device, bundle, version or image size.
    #[error("the device profile is stale: {0}; measure again with `Runtime::profile`")]
    StaleProfile(#[from] Stale),
    /// The GPU returned something that is no number.
    #[error(
        "child `{child}` answered with a value that is not finite: its batch-norm statistics do not belong to these \
         weights, or the GPU driver computes wrongly; try another adapter or backend"
    )]
    NotFinite {
        /// The child, printed.
        child: String,
    },
}

impl From<GpuError> for RuntimeError {
    fn from(error: GpuError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<SpaceError> for RuntimeError {
    fn from(error: SpaceError) -> Self {
        Self::Engine(error.into())
    }
}

/// Why no child can be chosen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// Even the fastest child breaks the budget. The active child stays.
    #[error(
        "no shipped child keeps within {budget}: the fastest, `{fastest}`, takes p50 {}, p90 {}, p95 {} on this device; \
         allow more time, or search the space for smaller children and pack them", measured.p50, measured.p90, measured.p95
    )]
    BelowFastest {
        /// What was asked for.
        budget: Budget,
        /// Name of the fastest child.
        fastest: String,
        /// What it was measured at.
        measured: Latency,
    },
    /// The budget is no duration.
    #[error("a budget of {} ms is no duration: give a positive number of milliseconds", budget.limit.0)]
    NoDuration {
        /// What was asked for.
        budget: Budget,
    },
    /// No governor can be made of what was asked.
    #[error(transparent)]
    Governor(#[from] GovernorError),
    /// Measuring failed.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

impl From<EngineError> for ChooseError {
    fn from(error: EngineError) -> Self {
        Self::Runtime(error.into())
    }
}
