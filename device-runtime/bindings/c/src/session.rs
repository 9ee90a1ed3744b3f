//! A runtime, and the governor that may be in charge of it.

use crate::fault::Fault;
use nestling::{Answer, Error, Governed, GovernorOptions, Image, Millis, Runtime, Target, ThermalHint};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One open runtime.
#[derive(Debug)]
pub struct Session {
    runtime: Arc<Runtime>,
    /// Locked for moments only: an inference keeps the governor, not the lock.
    governed: Mutex<Option<Arc<Governed<Arc<Runtime>>>>>,
    /// The last hint: it may come before the governor.
    hint: Mutex<ThermalHint>,
}

impl Session {
    pub fn new(runtime: Runtime) -> Self {
        Self { runtime: Arc::new(runtime), governed: Mutex::default(), hint: Mutex::default() }
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Classifies with the governor's child, or else with the active one.
    pub fn classify(&self, image: Image<'_>) -> Result<Answer, Error> {
        match self.governor() {
            Some(governed) => governed.classify(image),
            None => self.runtime.classify(image),
        }
    }

    /// Puts a governor in charge, or gives the one that is there another limit.
    pub fn govern(&self, limit: Millis) -> Result<(), Fault> {
        if let Some(governed) = self.governor() {
            return Ok(governed.set_budget(limit)?);
        }
        // Measures, so it must not keep others from classifying.
        let governed = Governed::new(Arc::clone(&self.runtime), GovernorOptions::new(limit))?;
        // Kept until the governor is there, so that no hint is lost in between.
        let hint = self.hint();
        governed.set_thermal_hint(*hint);
        // Another thread may have been faster.
        if let Some(other) = lock(&self.governed).replace(Arc::new(governed)) {
            other.retire();
        }
        Ok(())
    }

    /// The governor in charge.
    pub fn governor(&self) -> Option<Arc<Governed<Arc<Runtime>>>> {
        lock(&self.governed).clone()
    }

    pub fn set_thermal_hint(&self, hint: ThermalHint) {
        let mut last = self.hint();
        *last = hint;
        if let Some(governed) = self.governor() {
            governed.set_thermal_hint(hint);
        }
    }

    /// Makes a child the active one. A governor's charge ends with that.
    pub fn switch_to<'a>(&self, target: impl Into<Target<'a>>) -> Result<std::time::Duration, Error> {
        let mut governed = lock(&self.governed);
        let took = match &*governed {
            Some(ending) => ending.retire_for(target)?,
            None => self.runtime.switch_to(target)?,
        };
        *governed = None;
        Ok(took)
    }

    /// The place of a shipped child.
    pub fn index_of(&self, name: &str) -> Option<u32> {
        let place = self.runtime.children().position(|entry| entry.name == name);
        place.and_then(|place| u32::try_from(place).ok())
    }

    fn hint(&self) -> MutexGuard<'_, ThermalHint> {
        lock(&self.hint)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
