//! The fast pipelines, compiled while the fallback ones answer. A browser compiles all of them at load.

#[cfg(not(target_arch = "wasm32"))]
pub(in crate::engine) use native::{Background, FirstRun, Test};

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
    use crate::engine::resources::forecast::Forecast;
    use crate::engine::resources::{Common, Pipelines, Wanted};
    use crate::gpu::{BindGroup, Context, Latch, block_on, retried};
    use nestling_shaders::{Kernel, PARAMETER_BYTES, Specialisation};
    use std::fmt;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
    use std::time::{Duration, Instant};

    /// Pipelines that the context's worker thread compiles. When it is dropped the worker uses nothing of it any more.
    #[derive(Debug)]
    pub(in crate::engine) struct Background {
        shared: Arc<Shared>,
        /// Opened when the worker has given everything back.
        ended: Arc<Latch>,
        /// Opened then, or when it is clear that the pipelines will not be there in time.
        judged: Arc<Latch>,
        wanted: usize,
        /// The worker's own is never the last: the last one closes the device, which no thread may do that a process
        /// does not wait for.
        context: Context,
    }

    #[derive(Debug)]
    struct Shared {
        /// Until the worker takes it.
        job: Mutex<Option<Job>>,
        result: OnceLock<Result<Pipelines, String>>,
        done: AtomicUsize,
        stop: AtomicBool,
        /// Whether the worker waits before its next pipeline: the first answer has the machine to itself.
        held: Mutex<bool>,
        /// The first answer is out, or somebody waits for the pipelines.
        answered: AtomicBool,
        release: Condvar,
    }

    /// All that the worker needs.
    #[derive(Debug)]
    struct Job {
        context: Context,
        pipelines: Pipelines,
        wanted: Wanted,
        first_run: Option<FirstRun>,
        /// The time for all of them.
        patience: Duration,
        judged: Arc<Latch>,
        test: Option<Test>,
    }

    /// A test of pipelines before they answer: replaces those that are wrong, or fails.
    pub(in crate::engine) struct Test(
        pub(in crate::engine) Box<dyn FnOnce(Pipelines) -> Result<Pipelines, Error> + Send>,
    );

    impl fmt::Debug for Test {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Test")
        }
    }

    /// How long the worker waits for a first answer, which may never be requested.
    const PATIENCE: Duration = Duration::from_secs(2);

    fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    impl Shared {
        fn hold(&self, held: bool) {
            *lock(&self.held) = held;
            self.release.notify_all();
        }

        /// Holds the worker unless the first answer is out already.
        fn hold_for_answer(&self) {
            // Under the lock, or an answer that comes out just now would leave the worker held.
            let mut held = lock(&self.held);
            *held = !self.answered.load(Ordering::Relaxed);
        }

        fn wait_while_held(&self) {
            let held = lock(&self.held);
            let (mut held, _) =
                self.release.wait_timeout_while(held, PATIENCE, |held| *held).unwrap_or_else(PoisonError::into_inner);
            *held = false;
        }

        fn is_stopped(&self) -> bool {
            self.stop.load(Ordering::Relaxed)
        }

        /// Compiles, and keeps the result unless nobody wants it any more.
        fn compile(&self, mut job: Job) {
            let built = retried(|| block_on(job.build(self)), || self.is_stopped());
            let result = match built {
                Ok(Ok(false)) => return,
                Ok(Ok(true)) => match job.test.take() {
                    Some(Test(test)) => test(job.pipelines).map_err(|error| error.to_string()),
                    None => Ok(job.pipelines),
                },
                Ok(Err(error)) => Err(error.to_string()),
                Err(panic) => Err(panic),
            };
            let _ = self.result.set(result);
        }
    }

    /// A dispatch over nothing: software drivers compile when a pipeline first runs, and an answer must not wait for
    /// that. Its buffers are its own: wgpu clears a buffer before its first use, and the shared ones are large.
    #[derive(Clone, Debug)]
    pub(in crate::engine) struct FirstRun {
        group: BindGroup,
    }

    impl FirstRun {
        pub(in crate::engine) fn new(context: &Context, common: &Common) -> Self {
            use wgpu::BufferUsages as Usage;
            let usages = [Usage::STORAGE, Usage::STORAGE, Usage::STORAGE, Usage::STORAGE, Usage::UNIFORM];
            let buffers = usages.map(|usage| context.buffer("first run", PARAMETER_BYTES, usage));
            let entries: Vec<wgpu::BindGroupEntry<'_>> = (0u32..)
                .zip(&buffers)
                .map(|(binding, buffer)| wgpu::BindGroupEntry { binding, resource: buffer.as_entire_binding() })
                .collect();
            Self { group: context.bind_group("first run", &common.groups, &entries) }
        }
    }

    const ACTION: &str = "preparing the fast kernels";

    impl Background {
        /// Has the worker add the wanted pipelines to those that are there, and test all before they answer; fails if the
        /// system has no thread left.
        pub(in crate::engine) fn spawn(
            context: &Context,
            pipelines: Pipelines,
            wanted: Wanted,
            first_run: Option<FirstRun>,
            patience: Duration,
            test: Test,
        ) -> Result<Self, Error> {
            let (count, judged) = (wanted.len(), Arc::new(Latch::default()));
            let (own, job_judged, test) = (context.clone(), Arc::clone(&judged), Some(test));
            let job = Job { context: own, pipelines, wanted, first_run, patience, judged: job_judged, test };
            let shared = Arc::new(Shared {
                job: Mutex::new(Some(job)),
                result: OnceLock::new(),
                done: AtomicUsize::new(0),
                stop: AtomicBool::new(false),
                held: Mutex::new(false),
                answered: AtomicBool::new(false),
                release: Condvar::new(),
            });
            let ended = Arc::new(Latch::default());
            let latches = [Arc::clone(&ended), Arc::clone(&judged)];
            let end = End { shared: Some(Arc::clone(&shared)), latches };
            let work = move || {
                let Some(shared) = &end.shared else { return };
                let job = lock(&shared.job).take();
                if let Some(job) = job {
                    shared.compile(job);
                }
            };
            context.worker().run(work).map_err(|reason| Error::FastKernels { reason })?;
            Ok(Self { shared, ended, judged, wanted: count, context: context.clone() })
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

        /// Waits for a while, unless the worker sees earlier that it needs longer; holds it if it does, and returns
        /// whether the pipelines are there.
        pub(in crate::engine) async fn ready_by(&self, context: &Context, deadline: Instant) -> bool {
            if !context.wait_until(&self.judged, deadline).await {
                self.shared.hold(true);
                return false;
            }
            self.pipelines().is_some()
        }

        /// The first answer is out: the machine is free for the compiler.
        pub(in crate::engine) fn release(&self) {
            self.shared.answered.store(true, Ordering::Relaxed);
            self.shared.hold(false);
        }

        /// Waits until they are there, or will never be.
        pub(in crate::engine) async fn wait(&self) -> Result<(), Error> {
            if self.shared.result.get().is_none() {
                self.release();
                self.ended.wait().await;
            }
            match self.shared.result.get() {
                Some(Err(reason)) => Err(self.context.blamed(Error::FastKernels { reason: reason.clone() })),
                _ => Ok(()),
            }
        }
    }

    impl Drop for Background {
        /// Waits for the one pipeline that the worker is at.
        fn drop(&mut self) {
            self.shared.stop.store(true, Ordering::Relaxed);
            self.release();
            let not_begun = lock(&self.shared.job).take();
            if not_begun.is_none() && !self.context.worker().is_current() {
                self.context.gate().outside(|| self.ended.block());
            }
        }
    }

    /// Waiters are woken however the work ends, and after everything of the GPU was given back.
    struct End {
        shared: Option<Arc<Shared>>,
        latches: [Arc<Latch>; 2],
    }

    impl Drop for End {
        fn drop(&mut self) {
            if let Some(shared) = self.shared.take() {
                let _ = shared.result.set(Err("compiling ended early".to_owned()));
            }
            self.latches.iter().for_each(|latch| latch.open());
        }
    }

    impl Job {
        /// Returns whether all are there; they are not if it was told to stop.
        ///
        /// The shortest text comes first: it tells at the least cost whether the driver has what it compiles in its
        /// cache.
        async fn build(&mut self, shared: &Shared) -> Result<bool, Error> {
            let Self { context, pipelines, wanted, first_run, patience, judged, .. } = self;
            let missing = |&(kernel, one): &(Kernel, Specialisation)| pipelines.get(kernel, one).is_none();
            let text = |(kernel, one): (Kernel, Specialisation)| one.wgsl(kernel, pipelines.common().storage).len();
            let mut texts: Vec<_> = wanted.iter().copied().filter(missing).map(|one| (text(one), one)).collect();
            texts.sort_unstable();
            shared.done.store(wanted.len() - texts.len(), Ordering::Relaxed); // the self-test ran those
            let mut forecast = Forecast::new(*patience, texts.iter().map(|(length, _)| *length));
            for (length, (kernel, specialisation)) in texts {
                shared.wait_while_held();
                if shared.is_stopped() {
                    return Ok(false);
                }
                forecast.begin();
                let pipeline = pipelines.add(context, kernel, specialisation).await?;
                if let Some(first_run) = first_run {
                    run_first(context, pipeline, first_run).await?;
                }
                shared.done.fetch_add(1, Ordering::Relaxed);
                if forecast.turns_late_after(length) {
                    shared.hold_for_answer();
                    judged.open();
                }
            }
            context.save_pipelines();
            Ok(true)
        }
    }

    async fn run_first(context: &Context, pipeline: &wgpu::ComputePipeline, first_run: &FirstRun) -> Result<(), Error> {
        let (submission, verdict) = context.guarded(ACTION, || {
            let mut commands = context.encoder();
            {
                let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                pass.set_pipeline(pipeline);
                pass.set_bind_group(0, &*first_run.group, &[0]);
                pass.dispatch_workgroups(1, 1, 1);
            }
            context.submit(commands)
        });
        verdict.await?;
        context.settle(ACTION, submission).await
    }
}
