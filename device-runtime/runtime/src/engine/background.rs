use crate::engine::EngineError;
use crate::engine::pipelines::{Pipelines, Wanted};
use crate::gpu::Context;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How far the fast pipelines are.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// All there: every answer comes from them.
    Ready,
    /// The plain kernel answers while these are compiled.
    Preparing {
        /// Pipelines compiled.
        done: usize,
        /// Pipelines that the space needs.
        of: usize,
    },
    /// The driver refused one: the plain kernel goes on answering.
    Failed {
        /// What the driver said.
        reason: String,
    },
}

/// The fast pipelines, compiled by a thread while the plain ones answer.
#[derive(Debug)]
pub(super) struct Background {
    shared: Arc<Shared>,
    wanted: usize,
}

#[derive(Debug)]
struct Shared {
    result: OnceLock<Result<Pipelines, String>>,
    done: AtomicUsize,
    stop: AtomicBool,
    /// Whether the thread waits before its next pipeline: the first answer has the machine to itself.
    held: Mutex<bool>,
    release: Condvar,
}

/// How long the thread waits for a first answer that nobody may ask for.
const PATIENCE: Duration = Duration::from_secs(2);

impl Shared {
    fn hold(&self, held: bool) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = held;
        self.release.notify_all();
    }

    fn wait_while_held(&self) {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut held, _) =
            self.release.wait_timeout_while(held, PATIENCE, |held| *held).unwrap_or_else(PoisonError::into_inner);
        *held = false;
    }
}

/// A dispatch over nothing: software drivers compile when a pipeline first runs, and an answer must not wait for that.
#[derive(Clone, Debug)]
pub(super) struct FirstRun {
    pub(super) group: wgpu::BindGroup,
    /// Bytes into the buffer of parameters, where all are zero.
    pub(super) parameters: u32,
}

const ACTION: &str = "preparing the fast kernels";

impl Background {
    /// Starts a thread that adds what is wanted to what is there already; fails if the system has no thread left.
    pub(super) fn spawn(
        context: &Context,
        pipelines: Pipelines,
        wanted: Wanted,
        first_run: Option<FirstRun>,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            result: OnceLock::new(),
            done: AtomicUsize::new(0),
            stop: AtomicBool::new(false),
            held: Mutex::new(false),
            release: Condvar::new(),
        });
        let background = Self { shared: Arc::clone(&shared), wanted: wanted.len() };
        let context = context.clone();
        std::thread::Builder::new().name("nestling-pipelines".into()).spawn(move || {
            let end = End(&shared);
            let built = build(&context, pipelines, &wanted, first_run.as_ref(), &shared);
            if let Some(result) = built.map_err(|error| error.to_string()).transpose() {
                let _ = end.0.result.set(result);
            }
        })?;
        Ok(background)
    }

    /// The pipelines, once all are there.
    pub(super) fn pipelines(&self) -> Option<&Pipelines> {
        self.shared.result.get()?.as_ref().ok()
    }

    pub(super) fn readiness(&self) -> Readiness {
        match self.shared.result.get() {
            Some(Ok(_)) => Readiness::Ready,
            Some(Err(reason)) => Readiness::Failed { reason: reason.clone() },
            None => Readiness::Preparing { done: self.shared.done.load(Ordering::Relaxed), of: self.wanted },
        }
    }

    /// Waits a little; holds the thread if it then needs longer, and returns whether it is done.
    pub(super) fn ready_within(&self, patience: Duration, since: Instant) -> bool {
        while self.shared.result.get().is_none() {
            if since.elapsed() >= patience {
                self.shared.hold(true);
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.pipelines().is_some()
    }

    /// The first answer is out: the machine is free for the compiler.
    pub(super) fn release(&self) {
        self.shared.hold(false);
    }

    /// Blocks until they are there, or will never be.
    pub(super) fn wait(&self) -> Result<(), EngineError> {
        self.release();
        match self.shared.result.wait() {
            Ok(_) => Ok(()),
            Err(reason) => Err(EngineError::Background { reason: reason.clone() }),
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // The thread ends after the pipeline that it is at; it holds the device, not the supernet.
        self.shared.stop.store(true, Ordering::Relaxed);
        self.release();
    }
}

/// Whatever ends the thread, nobody waits for ever.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        let _ = self.0.result.set(Err("the thread ended early".to_owned()));
    }
}

/// `None` if it was told to stop.
fn build(
    context: &Context,
    mut all: Pipelines,
    wanted: &Wanted,
    first_run: Option<&FirstRun>,
    shared: &Shared,
) -> Result<Option<Pipelines>, EngineError> {
    for &(kernel, specialisation) in wanted {
        if all.get(kernel, specialisation).is_some() {
            shared.done.fetch_add(1, Ordering::Relaxed);
            continue; // the self-test ran it
        }
        shared.wait_while_held();
        if shared.stop.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let pipeline = pollster::block_on(all.add(context, kernel, specialisation))?;
        if let Some(first_run) = first_run {
            let (submission, verdict) = context.guarded(ACTION, || {
                let mut commands = context.encoder();
                {
                    let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    pass.set_pipeline(pipeline);
                    pass.set_bind_group(0, &first_run.group, &[first_run.parameters]);
                    pass.dispatch_workgroups(1, 1, 1);
                }
                context.submit(commands)
            });
            pollster::block_on(verdict)?;
            context.wait(ACTION, submission)?;
        }
        shared.done.fetch_add(1, Ordering::Relaxed);
    }
    context.save_pipelines();
    Ok(Some(all))
}
