use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The purpose of a slot: measurements and the app's children must not take each other's slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Purpose {
    /// A child that an app runs.
    App,
    /// A child that is timed, the reference beside it, and that of an audit around both.
    Measuring,
}

/// Slots that measuring has for itself.
pub(in crate::engine) const TO_MEASURE: usize = 3;

/// Numbers of the child slots that are free.
#[derive(Debug)]
pub(in crate::engine) struct Slots {
    count: usize,
    free: Mutex<Free>,
}

#[derive(Debug)]
struct Free {
    app: Vec<usize>,
    measuring: Vec<usize>,
}

/// A slot, taken. Free again when dropped.
#[derive(Debug)]
pub(in crate::engine) struct Slot {
    slots: Arc<Slots>,
    pub(in crate::engine) index: usize,
}

impl Slots {
    /// `count` for the app, and [`TO_MEASURE`] behind them.
    pub(in crate::engine) fn new(count: usize) -> Arc<Self> {
        let free = Free { app: (0..count).rev().collect(), measuring: (count..count + TO_MEASURE).rev().collect() };
        Arc::new(Self { count, free: Mutex::new(free) })
    }

    /// The app's slots.
    pub(in crate::engine) fn count(&self) -> usize {
        self.count
    }

    pub(in crate::engine) fn take(self: &Arc<Self>, purpose: Purpose) -> Option<Slot> {
        let mut free = self.free();
        let index = match purpose {
            Purpose::App => free.app.pop(),
            Purpose::Measuring => free.measuring.pop(),
        }?;
        drop(free);
        Some(Slot { slots: Arc::clone(self), index })
    }

    fn free(&self) -> MutexGuard<'_, Free> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut free = self.slots.free();
        let own = if self.index < self.slots.count { &mut free.app } else { &mut free.measuring };
        own.push(self.index);
    }
}

impl Slot {
    pub(in crate::engine) fn belongs_to(&self, slots: &Arc<Slots>) -> bool {
        Arc::ptr_eq(&self.slots, slots)
    }
}

/// Distances in the buffers of slots.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Strides {
    /// Bytes from one layer's parameters to the next.
    pub(in crate::engine) layer: u64,
    /// Layers of a slot.
    pub(in crate::engine) layers: u64,
    /// Elements of a slot's scales and shifts.
    pub(in crate::engine) norms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_its_check_and_a_child_find_slots_whatever_the_app_holds() {
        let slots = Slots::new(1);
        let app = slots.take(Purpose::App).unwrap();
        assert!(slots.take(Purpose::App).is_none());
        let measuring: Vec<Slot> = (0..3).map(|_| slots.take(Purpose::Measuring).unwrap()).collect();
        assert!(slots.take(Purpose::Measuring).is_none());
        drop(app);
        assert!(slots.take(Purpose::Measuring).is_none(), "the app's slot is the app's");
        drop(measuring);
        assert!(slots.take(Purpose::Measuring).is_some());
    }
}
