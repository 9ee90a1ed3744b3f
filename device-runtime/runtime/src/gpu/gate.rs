//! One thread at a time in an OpenGL context.
//!
//! wgpu panics where a thread waits longer than a second for another one that is in the context, and a driver may
//! compile or run a kernel for longer than that. So threads of this crate take turns before they call wgpu. Other
//! backends need no turns.

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// The way into a context. A thread that is inside may enter again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gate {
    turns: Option<Arc<Turns>>,
    #[cfg(test)]
    mishaps: Arc<super::mishap::Mishaps>,
}

#[derive(Debug, Default)]
struct Turns {
    state: Mutex<State>,
    left: Condvar,
}

/// Threads enter in the order in which they came: one that leaves and comes again at once does not keep others out.
#[derive(Debug, Default)]
struct State {
    inside: Option<ThreadId>,
    /// How often it entered.
    depth: usize,
    /// The number of the next one that comes, and of the one whose turn it is.
    next: u64,
    serving: u64,
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(&self, depth: usize) {
        let mut state = self.lock();
        let me = thread::current().id();
        if state.inside == Some(me) {
            state.depth += depth;
            return;
        }
        let turn = state.next;
        state.next += 1;
        while state.inside.is_some() || state.serving != turn {
            state = self.left.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        (state.inside, state.depth) = (Some(me), depth);
    }

    fn leave(&self, depth: usize) {
        let mut state = self.lock();
        state.depth = state.depth.saturating_sub(depth);
        if state.depth == 0 {
            state.inside = None;
            state.serving += 1;
            drop(state);
            self.left.notify_all();
        }
    }

    /// How often this thread entered.
    #[cfg(not(target_arch = "wasm32"))]
    fn depth(&self) -> usize {
        let state = self.lock();
        if state.inside == Some(thread::current().id()) { state.depth } else { 0 }
    }
}

impl Gate {
    /// The gate of a context of this backend, as wgpu names it.
    pub(super) fn of_backend(backend: &str) -> Self {
        Self {
            turns: (backend == "gl").then(Arc::default),
            #[cfg(test)]
            mishaps: Arc::default(),
        }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn takes_turns(&self) -> bool {
        self.turns.is_some()
    }

    #[cfg(test)]
    pub(crate) fn mishaps(&self) -> &super::mishap::Mishaps {
        &self.mishaps
    }

    /// Waits for this thread's turn, which lasts until the result is dropped.
    pub(crate) fn enter(&self) -> Inside<'_> {
        self.begin();
        Inside { gate: self, stays_on_its_thread: PhantomData }
    }

    fn begin(&self) {
        if let Some(turns) = &self.turns {
            turns.enter(1);
        }
        #[cfg(test)]
        self.mishaps.pass();
    }

    fn end(&self) {
        #[cfg(test)]
        self.mishaps.pass();
        if let Some(turns) = &self.turns {
            turns.leave(1);
        }
    }

    /// Runs `wait`, which waits for another thread, outside of the gate: that thread may want to enter.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn outside<T>(&self, wait: impl FnOnce() -> T) -> T {
        let depth = self.turns.as_ref().map_or(0, |turns| turns.depth());
        let Some(turns) = self.turns.as_ref().filter(|_| depth > 0) else { return wait() };
        turns.leave(depth);
        let _again = Again { turns, depth };
        wait()
    }

    /// Has a value of wgpu's dropped inside: freeing it calls the context.
    pub(crate) fn keep<T>(&self, value: T) -> Gated<T> {
        Gated { enter: Enter(self.clone()), value, leave: Leave(self.clone()) }
    }
}

/// A turn.
pub(crate) struct Inside<'a> {
    gate: &'a Gate,
    stays_on_its_thread: PhantomData<*const ()>,
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.gate.end();
    }
}

/// Enters again, also after a panic.
#[cfg(not(target_arch = "wasm32"))]
struct Again<'a> {
    turns: &'a Turns,
    depth: usize,
}

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Again<'_> {
    fn drop(&mut self) {
        self.turns.enter(self.depth);
    }
}

/// A value that is dropped inside of its context's gate. Fields are dropped in their order.
#[derive(Clone, Debug)]
pub(crate) struct Gated<T> {
    #[allow(dead_code, reason = "its drop is what it is for")]
    enter: Enter,
    value: T,
    #[allow(dead_code, reason = "its drop is what it is for")]
    leave: Leave,
}

pub(crate) type Buffer = Gated<wgpu::Buffer>;
pub(crate) type BindGroup = Gated<wgpu::BindGroup>;
pub(crate) type ComputePipeline = Gated<wgpu::ComputePipeline>;
pub(crate) type QuerySet = Gated<wgpu::QuerySet>;

#[derive(Clone, Debug)]
struct Enter(Gate);

#[derive(Clone, Debug)]
struct Leave(Gate);

impl Drop for Enter {
    fn drop(&mut self) {
        self.0.begin();
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<T> Deref for Gated<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Gated<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;
    use std::time::Duration;

    /// Counts how many are inside at once.
    #[derive(Default)]
    struct Room {
        inside: AtomicUsize,
        most: AtomicUsize,
    }

    impl Room {
        fn visit(&self) {
            let inside = self.inside.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(inside, Ordering::SeqCst);
            thread::sleep(Duration::from_micros(50));
            self.inside.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn one_thread_at_a_time_is_inside_and_only_for_opengl() {
        for (backend, most) in [("gl", 1), ("vulkan", 4)] {
            let (gate, room) = (Gate::of_backend(backend), Room::default());
            let start = std::sync::Barrier::new(4);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        start.wait();
                        for _ in 0..100 {
                            let _inside = gate.enter();
                            let _again = gate.enter();
                            room.visit();
                        }
                    });
                }
            });
            let found = room.most.load(Ordering::SeqCst);
            assert!(found == most || most > 1 && found > 1, "{backend}: {found} at once");
        }
    }

    #[test]
    fn one_that_leaves_and_comes_again_lets_the_waiting_in() {
        let gate = Gate::of_backend("gl");
        let (entered, is_in) = channel();
        thread::scope(|scope| {
            let mut inside = gate.enter();
            scope.spawn(|| {
                let _inside = gate.enter();
                entered.send(()).unwrap();
            });
            let mut turns = 0;
            while is_in.try_recv().is_err() {
                drop(inside);
                inside = gate.enter();
                turns += 1;
                thread::sleep(Duration::from_millis(1));
                assert!(turns < 10_000, "the other thread never got in");
            }
        });
    }

    #[test]
    fn waiting_for_a_thread_that_wants_to_enter_is_possible_outside() {
        let gate = Gate::of_backend("gl");
        let _inside = (gate.enter(), gate.enter());
        let other = {
            let gate = gate.clone();
            thread::spawn(move || drop(gate.enter()))
        };
        gate.outside(|| other.join().unwrap());
        assert_eq!(gate.turns.as_ref().unwrap().depth(), 2, "it is inside again");
        assert_eq!(Gate::default().outside(|| 7), 7);
    }

    #[test]
    fn a_kept_value_is_dropped_inside_also_if_that_panics() {
        struct Value(Gate, bool);
        impl Drop for Value {
            fn drop(&mut self) {
                assert_eq!(self.0.turns.as_ref().unwrap().depth(), 1);
                assert!(!self.1, "on purpose");
            }
        }
        let gate = Gate::of_backend("gl");
        drop(gate.keep(Value(gate.clone(), false)));
        let kept = gate.keep(Value(gate.clone(), true));
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(kept))).is_err());
        assert_eq!(gate.turns.as_ref().unwrap().depth(), 0, "and the gate is free again");
        thread::scope(|scope| scope.spawn(|| drop(gate.enter())).join().unwrap());
    }
}
