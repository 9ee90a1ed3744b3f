//! A runtime, and the governor that may be in charge of it.

use crate::fault::Fault;
use nestling::{Answer, Error, Governed, GovernorOptions, Image, Millis, Runtime, Target, ThermalHint};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// One open runtime.
#[derive(Debug)]
pub struct Session {
    runtime: Arc<Runtime>,
    /// Read while it classifies, so that no governor switches after it was replaced.
    governed: RwLock<Option<Governed<Arc<Runtime>>>>,
    /// The last hint: it may come before the governor.
    hint: Mutex<ThermalHint>,
}

impl Session {
    pub fn new(runtime: Runtime) -> Self {
        Self { runtime: Arc::new(runtime), governed: RwLock::new(None), hint: Mutex::default() }
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Classifies with the governor's child, or else with the active one.
    pub fn classify(&self, image: Image<'_>) -> Result<Answer, Error> {
        let governed = self.governed.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(governed) = &*governed {
            return governed.classify(image);
        }
        drop(governed);
        self.runtime.classify(image)
    }

    /// Puts a governor in charge, or gives the one that is there another limit.
    pub fn govern(&self, limit: Millis) -> Result<(), Fault> {
        if let Some(result) = self.with_governor(|governed| governed.set_budget(limit)) {
            return Ok(result?);
        }
        // Measures, so it must not keep others from classifying.
        let governed = Governed::new(Arc::clone(&self.runtime), GovernorOptions::new(limit))?;
        // Kept until the governor is there, so that no hint is lost in between.
        let hint = self.hint();
        governed.set_thermal_hint(*hint);
        *self.governed.write().unwrap_or_else(PoisonError::into_inner) = Some(governed);
        Ok(())
    }

    /// Calls back with the governor; `None` if none is in charge.
    pub fn with_governor<T>(&self, action: impl FnOnce(&Governed<Arc<Runtime>>) -> T) -> Option<T> {
        self.governed.read().unwrap_or_else(PoisonError::into_inner).as_ref().map(action)
    }

    pub fn set_thermal_hint(&self, hint: ThermalHint) {
        let mut last = self.hint();
        *last = hint;
        self.with_governor(|governed| governed.set_thermal_hint(hint));
    }

    /// Makes a child the active one. A governor's charge ends with that.
    pub fn switch_to<'a>(&self, target: impl Into<Target<'a>>) -> Result<std::time::Duration, Error> {
        let mut governed = self.governed.write().unwrap_or_else(PoisonError::into_inner);
        let took = self.runtime.switch_to(target)?;
        *governed = None;
        Ok(took)
    }

    /// The place of a shipped child.
    pub fn index_of(&self, name: &str) -> Option<u32> {
        let place = self.runtime.children().position(|entry| entry.name == name);
        place.and_then(|place| u32::try_from(place).ok())
    }

    fn hint(&self) -> MutexGuard<'_, ThermalHint> {
        self.hint.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
