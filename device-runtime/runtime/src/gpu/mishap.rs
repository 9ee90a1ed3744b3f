//! Faults of a GPU that tests let happen. Every call of a driver passes a gate, and every gate has these.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A fault, and when it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// The device is lost at this point. Each call has two: before it and after it.
    Lost { at: u64 },
    /// The GPU has no memory left for this object: a buffer, a bind group or a pipeline.
    OutOfMemory { at: u64 },
    /// The driver says in this wait that the device is lost, where wgpu panics.
    LostInWait { at: u64 },
    /// From this wait on, the GPU reports no submission as done.
    NeverDone { at: u64 },
}

/// The points, objects and waits that there were, and the fault that happens at one of them.
#[derive(Debug, Default)]
pub(crate) struct Mishaps {
    armed: Mutex<Option<(Mishap, wgpu::Device)>>,
    points: AtomicU64,
    objects: AtomicU64,
    waits: AtomicU64,
    happened: AtomicBool,
    /// Since when the GPU ends no work.
    hangs_since: Mutex<Option<Instant>>,
    denied: AtomicBool,
}

/// How many there were.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Passed {
    pub(crate) points: u64,
    pub(crate) objects: u64,
    pub(crate) waits: u64,
}

impl Mishaps {
    fn armed(&self) -> MutexGuard<'_, Option<(Mishap, wgpu::Device)>> {
        self.armed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts from zero, and has the fault happen there. None only counts.
    pub(crate) fn arm(&self, mishap: Option<Mishap>, device: &wgpu::Device) {
        let mut armed = self.armed();
        [&self.points, &self.objects, &self.waits].into_iter().for_each(|count| count.store(0, Ordering::SeqCst));
        [&self.happened, &self.denied].into_iter().for_each(|flag| flag.store(false, Ordering::SeqCst));
        *self.hanging() = None;
        *armed = mishap.map(|mishap| (mishap, device.clone()));
    }

    fn hanging(&self) -> MutexGuard<'_, Option<Instant>> {
        self.hangs_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long the GPU has ended no work.
    pub(crate) fn hung_for(&self) -> Duration {
        self.hanging().map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(crate) fn passed(&self) -> Passed {
        let [points, objects, waits] =
            [&self.points, &self.objects, &self.waits].map(|count| count.load(Ordering::SeqCst));
        Passed { points, objects, waits }
    }

    /// Whether the fault has happened.
    pub(crate) fn has_happened(&self) -> bool {
        self.happened.load(Ordering::SeqCst)
    }

    /// The beginning or the end of a call.
    pub(super) fn pass(&self) {
        let passed = self.points.fetch_add(1, Ordering::SeqCst);
        let mut armed = self.armed();
        if let Some((_, device)) = armed.take_if(|(mishap, _)| matches!(mishap, Mishap::Lost { at } if *at <= passed)) {
            self.happened.store(true, Ordering::SeqCst);
            device.destroy();
        }
    }

    /// Whether there is no memory for an object.
    pub(super) fn denies(&self) -> bool {
        let passed = self.objects.fetch_add(1, Ordering::SeqCst);
        let hit = |(mishap, _): &mut (Mishap, _)| matches!(mishap, Mishap::OutOfMemory { at } if *at <= passed);
        let denied = self.armed().take_if(hit).is_some();
        if denied {
            self.happened.store(true, Ordering::SeqCst);
            self.denied.store(true, Ordering::SeqCst);
        }
        denied
    }

    /// Whether an object was denied since this was last asked.
    pub(super) fn take_denied(&self) -> bool {
        self.denied.swap(false, Ordering::SeqCst)
    }

    /// Panics as wgpu does in a poll of a device that its driver has lost.
    pub(super) fn panic_as_wgpu_does(&self) {
        let waits = self.waits.load(Ordering::SeqCst);
        let hit = |(mishap, _): &mut (Mishap, _)| matches!(mishap, Mishap::LostInWait { at } if *at < waits);
        let lost = self.armed().take_if(hit);
        if let Some((_, device)) = lost {
            self.happened.store(true, Ordering::SeqCst);
            device.destroy();
            panic!("Error in Device::poll: Parent device is lost");
        }
    }

    /// Whether a wait of wgpu ends without a result, after all the time that it was given.
    pub(super) fn never_ends(&self, time: Duration) -> bool {
        let passed = self.waits.fetch_add(1, Ordering::SeqCst);
        let hit = matches!(*self.armed(), Some((Mishap::NeverDone { at }, _)) if at <= passed);
        if hit {
            self.happened.store(true, Ordering::SeqCst);
            self.hanging().get_or_insert_with(Instant::now);
            std::thread::sleep(time);
        }
        hit
    }
}
