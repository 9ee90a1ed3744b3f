//! The fast pipelines, compiled while the fallback ones answer. A browser compiles all of them at load.

#[cfg(not(target_arch = "wasm32"))]
pub(in crate::engine) use native::{Background, FirstRun};

/// The state of the fast pipelines.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Readiness {
    /// All are ready: every answer comes from them.
    Ready,
    /// The fallback kernels answer while these are compiled.
    Preparing {
        /// Pipelines compiled.
        done: usize,
        /// Pipelines that the space needs.
        of: usize,
    },
    /// The driver refused one: the fallback kernels continue to answer.
    Failed {
        /// The driver's words.
        reason: String,
    },
}

/// No thread compiles in a browser.
#[cfg(target_arch = "wasm32")]
#[derive(Debug)]
pub(in crate::engine) enum Background {}

#[cfg(target_arch = "wasm32")]
impl Background {
    pub(in crate::engine) fn pipelines(&self) -> Option<&super::pipelines::Pipelines> {
        match *self {}
    }

    pub(in crate::engine) fn readiness(&self) -> Readiness {
        match *self {}
    }

    pub(in crate::engine) fn release(&self) {
        match *self {}
    }

    pub(in crate::engine) async fn wait(&self) -> Result<(), crate::Error> {
        match *self {}
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod native {
    use super::Readiness;
    use crate::Error;
    use crate::engine::resources::{Pipelines, Wanted};
    use crate::gpu::{Context, Latch, block_on};
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
    use std::time::{Duration, Instant};

    /// Pipelines that the context's worker thread compiles.
    #[derive(Debug)]
    pub(in crate::engine) struct Background {
        shared: Arc<Shared>,
        wanted: usize,
    }

    #[derive(Debug)]
    struct Shared {
        result: OnceLock<Result<Pipelines, String>>,
        ended: Arc<Latch>,
        done: AtomicUsize,
        stop: AtomicBool,
        /// Whether the worker waits before its next pipeline: the first answer has the machine to itself.
        held: Mutex<bool>,
        release: Condvar,
    }

    /// How long the worker waits for a first answer, which may never be requested.
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

    /// A dispatch over nothing: software drivers compile when a pipeline first runs, and an answer must not wait for
    /// that.
    #[derive(Clone, Debug)]
    pub(in crate::engine) struct FirstRun {
        pub(in crate::engine) group: wgpu::BindGroup,
        /// Bytes into the buffer of parameters, where all are zero.
        pub(in crate::engine) parameters: u32,
    }

    const ACTION: &str = "preparing the fast kernels";

    impl Background {
        /// Has the worker add the wanted pipelines to those that are there; fails if the system has no thread left.
        pub(in crate::engine) fn spawn(
            context: &Context,
            pipelines: Pipelines,
            wanted: Wanted,
            first_run: Option<FirstRun>,
        ) -> Result<Self, Error> {
            let shared = Arc::new(Shared {
                result: OnceLock::new(),
                ended: Arc::default(),
                done: AtomicUsize::new(0),
                stop: AtomicBool::new(false),
                held: Mutex::new(false),
                release: Condvar::new(),
            });
            let background = Self { shared: Arc::clone(&shared), wanted: wanted.len() };
            let job = context.clone();
            let work = move || {
                let end = End(&shared);
                let built = block_on(build(&job, pipelines, &wanted, first_run.as_ref(), &shared));
                if let Some(result) = built.map_err(|error| error.to_string()).transpose() {
                    let _ = end.0.result.set(result);
                }
            };
            context.worker().run(work).map_err(|reason| Error::FastKernels { reason })?;
            Ok(background)
        }

        /// The pipelines, once all are there.
        pub(in crate::engine) fn pipelines(&self) -> Option<&Pipelines> {
            self.shared.result.get()?.as_ref().ok()
        }

        pub(in crate::engine) fn readiness(&self) -> Readiness {
            match self.shared.result.get() {
                Some(Ok(_)) => Readiness::Ready,
                Some(Err(reason)) => Readiness::Failed { reason: reason.clone() },
                None => Readiness::Preparing { done: self.shared.done.load(Ordering::Relaxed), of: self.wanted },
            }
        }

        /// Waits for a while; holds the worker if it then needs longer, and returns whether the pipelines are there.
        pub(in crate::engine) async fn ready_by(&self, context: &Context, deadline: Instant) -> bool {
            if !self.shared.ended.wait_until(context, deadline).await {
                self.shared.hold(true);
                return false;
            }
            self.pipelines().is_some()
        }

        /// The first answer is out: the machine is free for the compiler.
        pub(in crate::engine) fn release(&self) {
            self.shared.hold(false);
        }

        /// Waits until they are there, or will never be.
        pub(in crate::engine) async fn wait(&self) -> Result<(), Error> {
            if self.shared.result.get().is_none() {
                self.release();
                self.shared.ended.wait().await;
            }
            match self.shared.result.get() {
                Some(Err(reason)) => Err(Error::FastKernels { reason: reason.clone() }),
                _ => Ok(()),
            }
        }
    }

    impl Drop for Background {
        fn drop(&mut self) {
            // The worker ends after the pipeline that it is at.
            self.shared.stop.store(true, Ordering::Relaxed);
            self.release();
        }
    }

    /// Waiters are woken however the work ends.
    struct End<'a>(&'a Shared);

    impl Drop for End<'_> {
        fn drop(&mut self) {
            let _ = self.0.result.set(Err("compiling ended early".to_owned()));
            self.0.ended.open();
        }
    }

    /// `None` if it was told to stop.
    async fn build(
        context: &Context,
        mut all: Pipelines,
        wanted: &Wanted,
        first_run: Option<&FirstRun>,
        shared: &Shared,
    ) -> Result<Option<Pipelines>, Error> {
        for &(kernel, specialisation) in wanted {
            if all.get(kernel, specialisation).is_some() {
                shared.done.fetch_add(1, Ordering::Relaxed);
                continue; // the self-test ran it
            }
            shared.wait_while_held();
            if shared.stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let pipeline = all.add(context, kernel, specialisation).await?;
            if let Some(first_run) = first_run {
                run_first(context, pipeline, first_run).await?;
            }
            shared.done.fetch_add(1, Ordering::Relaxed);
        }
        context.save_pipelines();
        Ok(Some(all))
    }

    async fn run_first(context: &Context, pipeline: &wgpu::ComputePipeline, first_run: &FirstRun) -> Result<(), Error> {
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
        verdict.await?;
        context.settle(ACTION, submission).await
    }
}
