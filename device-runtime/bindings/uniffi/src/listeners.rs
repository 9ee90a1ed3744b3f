//! Callbacks of the app.

use crate::error::NestlingError;

/// How far a measurement or a choice is.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct CallProgress {
    /// From 0 to 1 in each part of a call: a profile if there is none, then a choice. It may stand still.
    pub fraction: f64,
    /// The part that is under way, in words.
    pub phase: String,
}

impl From<nestling::Progress> for CallProgress {
    fn from(progress: nestling::Progress) -> Self {
        Self { fraction: progress.fraction, phase: progress.phase.to_string() }
    }
}

/// Is told how far a call is, on the call's own thread. It must return soon, because a slow one makes the device look
/// slow. An error that it throws ends the call, whose error is then `Listener`.
#[uniffi::export(callback_interface)]
pub trait ProgressListener: Send + Sync {
    /// The call has come so far.
    fn on_progress(&self, progress: CallProgress) -> Result<(), NestlingError>;
}

/// Why the governor stepped down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum StepReason {
    /// Several inferences missed the budget.
    Misses,
    /// 95 of 100 inferences have not kept the budget for a while.
    P95,
    /// The device is too hot.
    Heat,
}

impl From<nestling::Reason> for StepReason {
    fn from(reason: nestling::Reason) -> Self {
        match reason {
            nestling::Reason::Misses => Self::Misses,
            nestling::Reason::P95 => Self::P95,
            nestling::Reason::Heat => Self::Heat,
        }
    }
}

/// A step of the governor. `child` answers from now on.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum GovernorEvent {
    /// A faster child answers.
    StepDown {
        /// Its name.
        child: String,
        /// Why.
        reason: StepReason,
    },
    /// A more accurate child answers.
    StepUp {
        /// Its name.
        child: String,
    },
    /// Even the fastest child breaks the budget.
    TooSlow {
        /// Its name.
        child: String,
    },
    /// The budget is kept again after that.
    Recovered {
        /// Name of the child that keeps it.
        child: String,
    },
}

/// Is told the governor's steps, on the thread that classified, before its call returns. An error that it throws is
/// ignored.
#[uniffi::export(callback_interface)]
pub trait GovernorListener: Send + Sync {
    /// The governor took a step.
    fn on_event(&self, event: GovernorEvent) -> Result<(), NestlingError>;
}
