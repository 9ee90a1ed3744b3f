use std::sync::{Arc, Mutex, PoisonError};

/// Numbers of the child slots that are free.
#[derive(Debug)]
pub(super) struct Slots {
    count: usize,
    free: Mutex<Vec<usize>>,
}

/// A slot, taken. Free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    slots: Arc<Slots>,
    pub(super) index: usize,
}

impl Slots {
    pub(super) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self { count, free: Mutex::new((0..count).rev().collect()) })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn take(self: &Arc<Self>) -> Option<Slot> {
        let index = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(Slot { slots: Arc::clone(self), index })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.free.lock().unwrap_or_else(PoisonError::into_inner).push(self.index);
    }
}

impl Slot {
    pub(super) fn belongs_to(&self, slots: &Arc<Slots>) -> bool {
        Arc::ptr_eq(&self.slots, slots)
    }
}
