//! The threads of a context. Each starts when it first has something to do, outlives no owner, and survives a panic in
//! what it runs.
//!
//! | thread | runs |
//! | --- | --- |
//! | [`Service`] | polls the device for futures, and wakes them when their time is there |
//! | [`Worker`] | compiles pipelines while others answer |
//!
//! The last owner of a context may be a future that such a thread itself wakes. A thread cannot wait for itself: it is
//! left to end on its own then.

use super::blocking::Polled;
use super::gate::Gate;
use super::latch::{End, Latch, Signal};
use crate::Error;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The message of a panic.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked").to_owned()
}

/// A part of wgpu's message where another thread holds the context of OpenGL.
pub(super) const BUSY: &str = "Could not lock adapter context";

/// Tries of a call that finds the context of OpenGL in use.
const TRIES: u32 = 6;

/// Runs something that may panic inside wgpu. An app that shares its device may hold OpenGL's context for long: that is
/// tried again, a little later each time, unless `is_over`. The message of any other panic is the error.
pub(crate) fn retried<T>(mut run: impl FnMut() -> T, is_over: impl Fn() -> bool) -> Result<T, String> {
    let mut tries = 1;
    loop {
        // After a panic, the work is tried from its beginning or given up.
        let panic = match catch_unwind(AssertUnwindSafe(&mut run)) {
            Ok(result) => return Ok(result),
            Err(panic) => panic_text(&*panic),
        };
        if !panic.contains(BUSY) || tries == TRIES || is_over() {
            return Err(panic);
        }
        thread::sleep(Duration::from_millis(50 << tries));
        tries += 1;
    }
}

/// A thread with its queue.
#[derive(Debug)]
struct Thread<T> {
    running: Mutex<Option<Running<T>>>,
}

#[derive(Debug)]
struct Running<T> {
    jobs: Sender<T>,
    handle: JoinHandle<()>,
}

impl<T> Default for Thread<T> {
    fn default() -> Self {
        Self { running: Mutex::new(None) }
    }
}

impl<T: Send + 'static> Thread<T> {
    /// Starts the thread if it does not run yet. A later job may succeed where the system had no thread left for one.
    fn send(&self, name: &str, run: impl FnOnce(Receiver<T>) + Send + 'static, job: T) -> Result<(), String> {
        let mut running = self.lock();
        let running = match &mut *running {
            Some(running) => running,
            none => {
                let (jobs, receiver) = channel();
                let spawned = thread::Builder::new().name(name.to_owned()).spawn(move || run(receiver));
                none.insert(Running { jobs, handle: spawned.map_err(|error| error.to_string())? })
            }
        };
        running.jobs.send(job).map_err(|_| format!("the thread `{name}` has ended"))
    }
}

impl<T> Thread<T> {
    fn lock(&self) -> MutexGuard<'_, Option<Running<T>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_current(&self) -> bool {
        self.lock().as_ref().is_some_and(|running| running.handle.thread().id() == thread::current().id())
    }

    /// Waits until all jobs are done and the thread has ended.
    fn end(&mut self) {
        let Some(Running { jobs, handle }) = self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take()
        else {
            return;
        };
        drop(jobs);
        if handle.thread().id() != thread::current().id() {
            let _ = handle.join(); // it catches its panics
        }
    }
}

/// A submission with a waiter.
#[derive(Debug)]
pub(super) struct Awaited {
    pub(super) polled: Polled,
    pub(super) action: String,
    pub(super) submission: wgpu::SubmissionIndex,
    pub(super) signal: Arc<Signal>,
    pub(super) end: End,
}

#[derive(Debug)]
enum Watch {
    Submission(Awaited),
    Time(Instant, Arc<Latch>),
}

/// The one thread of a context that polls the device for futures, and wakes them when their time is there.
#[derive(Debug)]
pub(crate) struct Service {
    thread: Thread<Watch>,
    gate: Gate,
    /// Nobody is left who could wait.
    over: Arc<AtomicBool>,
}

impl Service {
    pub(super) fn new(gate: &Gate) -> Self {
        Self { thread: Thread::default(), gate: gate.clone(), over: Arc::default() }
    }

    fn send(&self, watch: Watch) -> Result<(), String> {
        let over = Arc::clone(&self.over);
        self.thread.send("nestling-gpu", move |jobs| serve(&jobs, &over), watch)
    }

    pub(super) fn watch(&self, awaited: Awaited) -> Result<(), Error> {
        let action = awaited.action.clone();
        self.send(Watch::Submission(awaited)).map_err(|reason| Error::Refused { action, reason })
    }

    pub(super) fn wake_at(&self, deadline: Instant, latch: &Arc<Latch>) {
        if self.send(Watch::Time(deadline, Arc::clone(latch))).is_err() {
            latch.open(); // no thread: waiters must not hang
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.gate.outside(|| self.thread.end());
    }
}

fn serve(jobs: &Receiver<Watch>, over: &AtomicBool) {
    let mut times: Vec<(Instant, Arc<Latch>)> = Vec::new();
    loop {
        let now = Instant::now();
        times.retain(|(time, latch)| {
            let is_due = *time <= now;
            if is_due {
                guard(|| latch.wake());
            }
            !is_due
        });
        let job = match times.iter().map(|(time, _)| *time).min() {
            None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(next) => jobs.recv_timeout(next - now),
        };
        match job {
            Ok(Watch::Time(time, latch)) => times.push((time, latch)),
            Ok(Watch::Submission(awaited)) => guard(|| finish(awaited, over)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

/// A waker is an app's code and may panic: only its own future is lost.
fn guard(run: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(run));
}

fn finish(awaited: Awaited, over: &AtomicBool) {
    let Awaited { polled, action, submission, signal, end } = awaited;
    let is_over = || over.load(Ordering::Relaxed) || Arc::strong_count(&signal) == 1; // no waiter is left
    if is_over() {
        return;
    }
    let outcome = retried(|| polled.until(&submission, &action, is_over), is_over);
    // In place of the callback, which may never run.
    match outcome {
        Ok(Ok(())) => end.tell(&signal),
        Ok(Err(error)) => signal.answer(Err(error)),
        Err(reason) => signal.answer(Err(Error::Refused { action, reason })),
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// The one thread of a context that compiles pipelines while others answer.
pub(crate) struct Worker {
    thread: Thread<Work>,
    gate: Gate,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Worker")
    }
}

impl Worker {
    pub(super) fn new(gate: &Gate) -> Self {
        Self { thread: Thread::default(), gate: gate.clone() }
    }

    pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
        let serve = |jobs: Receiver<Work>| jobs.into_iter().for_each(guard);
        self.thread.send("nestling-pipelines", serve, Box::new(work))
    }

    /// Whether the caller runs on the worker, which must not wait for its own work.
    pub(crate) fn is_current(&self) -> bool {
        self.thread.is_current()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.gate.outside(|| self.thread.end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_thread_is_joined_with_all_its_work_done_and_survives_a_panic() {
        let worker = Worker::new(&Gate::default());
        assert!(!worker.is_current());
        let done = Arc::new(AtomicUsize::new(0));
        for number in 0..5 {
            let done = Arc::clone(&done);
            let work = move || {
                assert!(number != 1, "on purpose");
                thread::sleep(Duration::from_millis(20));
                done.fetch_add(1, Ordering::SeqCst);
            };
            worker.run(work).unwrap();
        }
        drop(worker);
        assert_eq!(done.load(Ordering::SeqCst), 4);
    }

    #[test]
    fn a_thread_that_drops_its_owner_does_not_wait_for_itself() {
        let worker = Arc::new(Mutex::new(Some(Worker::new(&Gate::default()))));
        let (sender, receiver) = channel();
        let own = Arc::clone(&worker);
        let work = move || {
            let last = own.lock().unwrap().take();
            assert!(last.as_ref().unwrap().is_current());
            drop(last);
            sender.send(()).unwrap();
        };
        worker.lock().unwrap().as_ref().unwrap().run(work).unwrap();
        receiver.recv_timeout(Duration::from_secs(10)).unwrap();
    }

    #[test]
    fn a_busy_context_is_tried_again_and_another_panic_is_told() {
        let mut tries = 0;
        let busy = "Could not lock adapter context. This is most-likely a deadlock.";
        let third = retried(
            || {
                tries += 1;
                assert!(tries == 3, "{busy}");
                tries
            },
            || false,
        );
        assert_eq!(third, Ok(3));
        for (text, over) in [("the driver is broken", false), (busy, true)] {
            let mut tries = 0;
            let panicking = || {
                tries += 1;
                assert!(tries == 0, "{text}");
            };
            assert_eq!((retried(panicking, || over), tries), (Err(text.to_owned()), 1));
        }
    }
}
