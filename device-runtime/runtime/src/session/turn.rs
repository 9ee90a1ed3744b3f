use crate::Error;
use std::sync::{Mutex, PoisonError};

/// The right to measure, choose or calibrate. One caller has it at a time; another one is refused and never waits, so
/// that a progress callback cannot deadlock.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_caller_is_refused_until_the_first_one_ends() {
        let turn = Turn::default();
        let first = turn.take("a measurement").unwrap();
        let refused = turn.take("a choice").unwrap_err();
        assert!(matches!(refused, Error::Busy { action: "a measurement" }), "{refused}");
        drop(first);
        drop(turn.take("a choice").unwrap());
    }
}
