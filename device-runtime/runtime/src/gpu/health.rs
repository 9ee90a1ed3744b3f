use crate::Error;
use std::sync::{Mutex, PoisonError};

/// Faults outside of any call that could have reported them.
#[derive(Debug, Default)]
pub(super) struct Health {
    lost: Mutex<Option<String>>,
    refused: Mutex<Option<String>>,
}

impl Health {
    pub(super) fn note_lost(&self, message: String) {
        note(&self.lost, message);
    }

    pub(super) fn note_refused(&self, message: String) {
        note(&self.refused, message);
    }

    /// Fails if the device is lost.
    pub(super) fn check_there(&self) -> Result<(), Error> {
        let lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner).clone();
        lost.map_or(Ok(()), |reason| Err(Error::Lost { reason }))
    }

    /// Fails if the device is lost or an error was seen that no call reported.
    pub(super) fn check(&self, action: &str) -> Result<(), Error> {
        self.check_there()?;
        // Reported once: it may have been about something that is gone.
        match self.refused.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(reason) => Err(Error::Refused { action: action.to_owned(), reason }),
            None => Ok(()),
        }
    }
}

/// The first message stays.
fn note(place: &Mutex<Option<String>>, message: String) {
    place.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(message);
}
