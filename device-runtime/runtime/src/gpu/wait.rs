//! Waiting: futures that suspend until the GPU, a compiler or the time is there.
//!
//! | who waits | who polls the device |
//! | --- | --- |
//! | a thread that blocks ([`block_on`]) | that thread |
//! | a future on any executor, natively | the context's service thread, of which there is one |
//! | a future in a browser | the browser's event loop |

use super::Context;
use crate::Error;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as Task, Poll, Waker};
#[cfg(not(target_arch = "wasm32"))]
use std::time::{Duration, Instant};

#[cfg(not(target_arch = "wasm32"))]
pub use native::block_on;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use native::{Service, Worker};

/// Opened once; all waiters are woken then.
#[derive(Debug, Default)]
pub(crate) struct Latch {
    state: Mutex<LatchState>,
}

#[derive(Debug, Default)]
struct LatchState {
    open: bool,
    waiting: Vec<Waker>,
}

impl Latch {
    pub(crate) fn open(&self) {
        let mut state = self.lock();
        state.open = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn wait(&self) {
        poll_fn(|task| self.poll(task)).await;
    }

    /// Waits until it is open or the time is there; returns whether it is open.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) async fn wait_until(self: &Arc<Self>, context: &Context, deadline: Instant) -> bool {
        context.wake_at(deadline, self);
        poll_fn(|task| match self.poll(task) {
            Poll::Ready(()) => Poll::Ready(true),
            Poll::Pending if Instant::now() >= deadline => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        })
        .await
    }

    /// Has everyone who waits look again.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn wake(&self) {
        let waiting = std::mem::take(&mut self.lock().waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, task: &mut Task<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.open {
            return Poll::Ready(());
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(task.waker())) {
            state.waiting.push(task.waker().clone());
        }
        Poll::Pending
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LatchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One result that a callback brings.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    latch: Latch,
    result: Mutex<Option<Result<(), Error>>>,
}

impl Signal {
    /// The first answer counts.
    pub(crate) fn answer(&self, answer: Result<(), Error>) {
        self.result.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(answer);
        self.latch.open();
    }

    pub(crate) async fn wait(&self) -> Result<(), Error> {
        self.latch.wait().await;
        self.result.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(Ok(()))
    }
}

/// A submission with a waiter.
#[cfg(not(target_arch = "wasm32"))]
#[derive(Debug)]
pub(crate) struct Awaited {
    pub(crate) action: String,
    pub(crate) submission: wgpu::SubmissionIndex,
    pub(crate) signal: Arc<Signal>,
}

impl Context {
    /// Waits until a submission, the last one so far, is done.
    pub(crate) async fn settle(&self, action: &str, submission: wgpu::SubmissionIndex) -> Result<(), Error> {
        let signal = Arc::new(Signal::default());
        let done = Arc::clone(&signal);
        self.queue().on_submitted_work_done(move || done.answer(Ok(())));
        self.drive(action, submission, &signal)?;
        signal.wait().await?;
        self.check(action)
    }

    /// Sees to it that the callbacks of a submission run.
    pub(crate) fn drive(
        &self,
        action: &str,
        submission: wgpu::SubmissionIndex,
        signal: &Arc<Signal>,
    ) -> Result<(), Error> {
        #[cfg(not(target_arch = "wasm32"))]
        {
            if native::is_blocking() {
                return self.poll(action, submission);
            }
            let awaited = Awaited { action: action.to_owned(), submission, signal: Arc::clone(signal) };
            self.service().watch(self, awaited)
        }
        #[cfg(target_arch = "wasm32")]
        {
            let _ = (action, submission, signal);
            Ok(())
        }
    }

    /// Wakes a latch's waiters at a time.
    #[cfg(not(target_arch = "wasm32"))]
    fn wake_at(&self, deadline: Instant, latch: &Arc<Latch>) {
        self.service().wake_at(deadline, latch);
    }

    /// Polls the device until a submission is done and its callbacks have run; at most for the options' timeout.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn poll(&self, action: &str, submission: wgpu::SubmissionIndex) -> Result<(), Error> {
        let polled = native::poll(self.device(), self.timeout(), action, submission);
        self.check(action)?;
        polled
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::{Awaited, Context, Duration, Error, Instant, Latch};
    use std::cell::Cell;
    use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
    use std::sync::{Arc, Mutex, OnceLock, PoisonError};

    thread_local! {
        static BLOCKING: Cell<bool> = const { Cell::new(false) };
    }

    /// Restores what was before, also when a future panics.
    struct Blocking(bool);

    impl Drop for Blocking {
        fn drop(&mut self) {
            BLOCKING.set(self.0);
        }
    }

    /// Runs a future of this crate to its end, on this thread, which polls the GPU by itself: no other thread is woken.
    pub fn block_on<T>(future: impl Future<Output = T>) -> T {
        let _restore = Blocking(BLOCKING.replace(true));
        pollster::block_on(future)
    }

    pub(super) fn is_blocking() -> bool {
        BLOCKING.get()
    }

    /// A thread that is started when it first has something to do, and ends when its owner is dropped.
    #[derive(Debug)]
    struct Thread<T> {
        sender: OnceLock<Result<Mutex<Sender<T>>, String>>,
    }

    impl<T> Default for Thread<T> {
        fn default() -> Self {
            Self { sender: OnceLock::new() }
        }
    }

    impl<T: Send + 'static> Thread<T> {
        fn send(&self, name: &str, run: impl FnOnce(Receiver<T>) + Send + 'static, job: T) -> Result<(), String> {
            let start = || {
                let (sender, receiver) = channel();
                let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || run(receiver));
                spawned.map(|_| Mutex::new(sender)).map_err(|error| error.to_string())
            };
            let sender = self.sender.get_or_init(start).as_ref().map_err(String::clone)?;
            let sent = sender.lock().unwrap_or_else(PoisonError::into_inner).send(job);
            sent.map_err(|_| format!("the thread `{name}` has ended"))
        }
    }

    enum Watch {
        Submission(wgpu::Device, Duration, Awaited),
        Time(Instant, Arc<Latch>),
    }

    /// The one thread of a context that polls the device for futures, and wakes them when their time is there.
    #[derive(Debug, Default)]
    pub(crate) struct Service {
        thread: Thread<Watch>,
    }

    impl std::fmt::Debug for Watch {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Watch")
        }
    }

    impl Service {
        pub(super) fn watch(&self, context: &Context, awaited: Awaited) -> Result<(), Error> {
            let action = awaited.action.clone();
            let job = Watch::Submission(context.device().clone(), context.timeout(), awaited);
            self.thread.send("nestling-gpu", serve, job).map_err(|reason| Error::Refused { action, reason })
        }

        pub(super) fn wake_at(&self, deadline: Instant, latch: &Arc<Latch>) {
            if self.thread.send("nestling-gpu", serve, Watch::Time(deadline, Arc::clone(latch))).is_err() {
                latch.open(); // no thread: waiters must not hang
            }
        }
    }

    fn serve(jobs: Receiver<Watch>) {
        let mut times: Vec<(Instant, Arc<Latch>)> = Vec::new();
        loop {
            let now = Instant::now();
            times.retain(|(time, latch)| {
                let is_due = *time <= now;
                if is_due {
                    latch.wake();
                }
                !is_due
            });
            let job = match times.iter().map(|(time, _)| *time).min() {
                None => jobs.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(next) => jobs.recv_timeout(next - now),
            };
            match job {
                Ok(Watch::Time(time, latch)) => times.push((time, latch)),
                Ok(Watch::Submission(device, timeout, awaited)) => finish(&device, timeout, awaited),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn finish(device: &wgpu::Device, timeout: Duration, awaited: Awaited) {
        let Awaited { action, submission, signal } = awaited;
        if Arc::strong_count(&signal) == 1 {
            return; // no waiter is left
        }
        if let Err(error) = poll(device, timeout, &action, submission) {
            signal.answer(Err(error)); // in place of the callback, which may never run
        }
    }

    /// Waits for a submission, on this thread; its callbacks have run then.
    pub(super) fn poll(
        device: &wgpu::Device,
        timeout: Duration,
        action: &str,
        submission: wgpu::SubmissionIndex,
    ) -> Result<(), Error> {
        let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(timeout) };
        device.poll(wait).map(drop).map_err(|error| match error {
            wgpu::PollError::Timeout => Error::Timeout { action: action.to_owned(), waited: timeout },
            error => Error::Refused { action: action.to_owned(), reason: error.to_string() },
        })
    }

    type Work = Box<dyn FnOnce() + Send>;

    /// The one thread of a context that compiles pipelines while others answer.
    #[derive(Default)]
    pub(crate) struct Worker {
        thread: Thread<Work>,
    }

    impl std::fmt::Debug for Worker {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("Worker")
        }
    }

    impl Worker {
        pub(crate) fn run(&self, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
            let serve = |jobs: Receiver<Work>| jobs.into_iter().for_each(|work| work());
            self.thread.send("nestling-pipelines", serve, Box::new(work))
        }
    }
}
