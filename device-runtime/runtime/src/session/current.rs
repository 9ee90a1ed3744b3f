use super::sync::RwLock;
use std::sync::PoisonError;

/// The value that threads use now, while others replace it. `tests/locks.rs` checks this file in every order in which
/// threads can run.
#[derive(Debug)]
pub(super) struct Current<T> {
    value: RwLock<T>,
}

impl<T: Clone> Current<T> {
    pub(super) fn new(value: T) -> Self {
        Self { value: RwLock::new(value) }
    }

    pub(super) fn get(&self) -> T {
        self.value.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn replace(&self, next: T) {
        let old = std::mem::replace(&mut *self.value.write().unwrap_or_else(PoisonError::into_inner), next);
        drop(old); // outside of the lock: the last clone of a prepared child frees its slot
    }
}
