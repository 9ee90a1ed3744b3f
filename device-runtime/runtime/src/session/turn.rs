use super::sync::Mutex;
use crate::Error;
use std::sync::PoisonError;

/// The right to measure, choose or calibrate. One caller has it at a time; another one is refused and never waits, so
/// that a progress callback cannot deadlock. `tests/locks.rs` checks this file in every order in which threads can run.
#[derive(Debug, Default)]
pub(super) struct Turn {
    holder: Mutex<Option<&'static str>>,
}

impl Turn {
    /// Takes it for an action, as a noun with its article, until the guard is dropped.
    pub(super) fn take(&self, action: &'static str) -> Result<TurnGuard<'_>, Error> {
        let mut holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        match *holder {
            Some(action) => Err(Error::Busy { action }),
            None => {
                *holder = Some(action);
                Ok(TurnGuard(self))
            }
        }
    }
}

/// Proves that nobody else measures. May be held over an `await`.
#[derive(Debug)]
pub(super) struct TurnGuard<'a>(&'a Turn);

impl Drop for TurnGuard<'_> {
    fn drop(&mut self) {
        *self.0.holder.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
