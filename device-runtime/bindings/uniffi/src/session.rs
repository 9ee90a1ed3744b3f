//! A runtime, and the governor that may be in charge of it.

use crate::error::NestlingError;
use crate::listeners::{GovernorEvent, GovernorListener};
use nestling::{Decision, Governed, Image, Runtime, Target, ThermalHint};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One open runtime.
pub struct Session {
    pub runtime: Arc<Runtime>,
    /// Locked for moments only: an inference keeps the charge, not the lock.
    charge: Mutex<Option<Arc<Charge>>>,
    /// The last hint: it may come before the governor.
    hint: Mutex<ThermalHint>,
}

/// A governor in charge.
pub struct Charge {
    pub governed: Governed<Arc<Runtime>>,
    listener: Option<Arc<dyn GovernorListener>>,
    is_too_slow: AtomicBool,
}

impl Charge {
    /// The step that the app should hear of; being too slow is news once.
    fn event(&self, decision: Decision) -> Option<GovernorEvent> {
        let was_too_slow = self.is_too_slow.swap(decision == Decision::TooSlow, Ordering::Relaxed);
        let governor = self.governed.governor();
        let rung = |place: usize| governor.ladder().rungs().get(place).unwrap_or(governor.rung()).name.clone();
        match decision {
            Decision::StepDown { to, why } => Some(GovernorEvent::StepDown { child: rung(to), reason: why.into() }),
            Decision::StepUp { to } => Some(GovernorEvent::StepUp { child: rung(to) }),
            Decision::TooSlow if !was_too_slow => Some(GovernorEvent::TooSlow { child: governor.rung().name.clone() }),
            Decision::Stay if was_too_slow => Some(GovernorEvent::Recovered { child: governor.rung().name.clone() }),
            Decision::TooSlow | Decision::Stay => None,
        }
    }
}

impl Session {
    pub fn new(runtime: Runtime) -> Self {
        Self { runtime: Arc::new(runtime), charge: Mutex::default(), hint: Mutex::default() }
    }

    /// Classifies with the governor's child, or else with the active one.
    pub fn classify(&self, image: Image<'_>) -> Result<nestling::Answer, NestlingError> {
        let Some(charge) = self.charge() else { return Ok(self.runtime.classify(image)?) };
        let (answer, decision) = charge.governed.classify_and_decide(image)?;
        let told = charge.listener.clone().and_then(|listener| Some((listener, charge.event(decision)?)));
        if let Some((listener, event)) = told {
            // The answer counts more than the listener's own fault.
            let _ = listener.on_event(event);
        }
        Ok(answer)
    }

    /// Puts a governor in charge.
    pub fn set_governor(&self, governed: Governed<Arc<Runtime>>, listener: Option<Box<dyn GovernorListener>>) {
        // Kept until the governor is there, so that no hint is lost in between.
        let hint = self.hint();
        governed.set_thermal_hint(*hint);
        let charge = Charge { governed, listener: listener.map(Arc::from), is_too_slow: AtomicBool::new(false) };
        let ended = lock(&self.charge).replace(Arc::new(charge));
        ended.iter().for_each(|ended| ended.governed.retire());
    }

    /// Calls back with the governor; an error if none is in charge.
    pub fn with_governor<T>(&self, action: impl FnOnce(&Governed<Arc<Runtime>>) -> T) -> Result<T, NestlingError> {
        self.charge().map(|charge| action(&charge.governed)).ok_or_else(NestlingError::not_governed)
    }

    pub fn set_thermal_hint(&self, hint: ThermalHint) {
        let mut last = self.hint();
        *last = hint;
        // Without a governor the next one takes it.
        let _ = self.with_governor(|governed| governed.set_thermal_hint(hint));
    }

    /// Ends the governor's charge; its child stays the active one.
    pub fn stop_governing(&self) {
        let ended = lock(&self.charge).take();
        ended.iter().for_each(|ended| ended.governed.retire());
    }

    /// Makes a child the active one. A governor's charge ends with that.
    pub fn switch_to<'a>(&self, target: impl Into<Target<'a>>) -> Result<Duration, NestlingError> {
        let mut charge = lock(&self.charge);
        let took = match &*charge {
            Some(ending) => ending.governed.retire_for(target)?,
            None => self.runtime.switch_to(target)?,
        };
        let ended = charge.take();
        drop(charge);
        // Perhaps with the app's listener, which may call back.
        drop(ended);
        Ok(took)
    }

    fn charge(&self) -> Option<Arc<Charge>> {
        lock(&self.charge).clone()
    }

    fn hint(&self) -> MutexGuard<'_, ThermalHint> {
        lock(&self.hint)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
