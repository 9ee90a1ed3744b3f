use serde::{Deserialize, Serialize};

/// A result for one of several inputs, or an object with `error` that says why there is none. JSON shows only the inner
/// one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Tried<T, F> {
    /// The result.
    Done(T),
    /// The input that failed, and its error.
    Failed(F),
}

impl<T, F> Tried<T, F> {
    /// The result, if there is one.
    pub fn done(&self) -> Option<&T> {
        match self {
            Self::Done(done) => Some(done),
            Self::Failed(_) => None,
        }
    }

    /// The failure, if it is one.
    pub fn failed(&self) -> Option<&F> {
        match self {
            Self::Done(_) => None,
            Self::Failed(failed) => Some(failed),
        }
    }
}
