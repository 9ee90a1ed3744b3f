use crate::Error;
use crate::gpu::adapter::{find_adapter, useful_features};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::blocking::{Polled, block_on};
use crate::gpu::counters::Tally;
use crate::gpu::gate::Gate;
use crate::gpu::health::Health;
use crate::gpu::pipeline_cache::{PipelineCache, PipelineCacheState};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::threads::{Service, Worker};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::verdicts::VerdictFile;
use crate::gpu::{AdapterInfo, ContextOptions, Counters};
#[cfg(not(target_arch = "wasm32"))]
use nestling_core::metrics::Millis;
use nestling_shaders::PARAMETER_BYTES;
use std::collections::BTreeMap;
use std::pin::Pin;
#[cfg(not(target_arch = "wasm32"))]
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// An open device. Cheap to clone; clones share it.
#[derive(Clone, Debug)]
pub struct Context {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) facts: AdapterInfo,
    timeout: Duration,
    health: Arc<Health>,
    /// Whether the app opened the device, and hears of its loss.
    is_the_apps: bool,
    pub(super) tally: Tally,
    unpacks_f16: bool,
    pub(super) pipeline_cache: PipelineCache,
    #[cfg(not(target_arch = "wasm32"))]
    service: Service,
    #[cfg(not(target_arch = "wasm32"))]
    worker: Worker,
    /// Results of self-tests that ran, by name.
    verdicts: Mutex<BTreeMap<String, Option<Fault>>>,
    /// The file that keeps them, where the app has a folder for compiled pipelines.
    #[cfg(not(target_arch = "wasm32"))]
    verdict_file: Option<VerdictFile>,
    /// Nanoseconds that testing kernels took.
    #[cfg(not(target_arch = "wasm32"))]
    test_time: AtomicU64,
    gate: Gate,
    /// Kernels that a test makes wrong, and how.
    #[cfg(test)]
    pub(super) sabotage: Mutex<Vec<(&'static str, super::sabotage::Sabotage)>>,
}

/// A fault that a self-test found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_arch = "wasm32"), derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Fault {
    pub(crate) found: String,
    pub(crate) expected: String,
}

/// Fails if a limit is below the kernels' need.
fn check_limits(adapter: &str, limits: &wgpu::Limits, remedy: &'static str) -> Result<(), Error> {
    for (limit, needed, offered) in [
        ("maxBindingsPerBindGroup", 5, u64::from(limits.max_bindings_per_bind_group)),
        ("maxStorageBuffersPerShaderStage", 4, u64::from(limits.max_storage_buffers_per_shader_stage)),
        ("maxUniformBuffersPerShaderStage", 1, u64::from(limits.max_uniform_buffers_per_shader_stage)),
        (
            "maxDynamicUniformBuffersPerPipelineLayout",
            1,
            u64::from(limits.max_dynamic_uniform_buffers_per_pipeline_layout),
        ),
        ("maxUniformBufferBindingSize", PARAMETER_BYTES, limits.max_uniform_buffer_binding_size),
        ("maxComputeWorkgroupStorageSize", 3 << 10, u64::from(limits.max_compute_workgroup_storage_size)),
        ("maxComputeInvocationsPerWorkgroup", 128, u64::from(limits.max_compute_invocations_per_workgroup)),
        ("maxComputeWorkgroupSizeX", 128, u64::from(limits.max_compute_workgroup_size_x)),
        ("maxComputeWorkgroupsPerDimension", 65_535, u64::from(limits.max_compute_workgroups_per_dimension)),
    ] {
        if offered < needed {
            return Err(Error::MissingLimit { adapter: adapter.to_owned(), limit, needed, offered, remedy });
        }
    }
    Ok(())
}

/// Whether the GPU found an error in what was done. Ready at once, except in a browser.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) type Verdict = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
#[cfg(target_arch = "wasm32")]
pub(crate) type Verdict = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

impl Context {
    /// Opens the adapter that `options` describe.
    ///
    /// # Errors
    /// [`Error::NoAdapter`], [`Error::NoDevice`] or [`Error::MissingLimit`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn new(options: &ContextOptions) -> Result<Self, Error> {
        block_on(Self::new_async(options))
    }

    /// The same without blocking: the only way in a browser.
    ///
    /// # Errors
    /// As [`Context::new`].
    pub async fn new_async(options: &ContextOptions) -> Result<Self, Error> {
        let (adapter, index) = find_adapter(options).await?;
        let features = useful_features(&adapter, options);
        let facts = AdapterInfo { index, ..AdapterInfo::new(&adapter, features) };
        let offered = adapter.limits();
        let mut limits = wgpu::Limits::downlevel_defaults();
        limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.max(options.largest_buffer);
        limits.max_buffer_size = limits.max_buffer_size.max(options.largest_buffer);
        // Textures and the like may fall short of the downlevel limits: only what the kernels use is demanded.
        let limits = limits.or_worse_values_from(&offered);
        check_limits(&facts.name, &limits, "choose another adapter")?;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("nestling"),
            required_features: features,
            required_limits: limits,
            ..Default::default()
        };
        let (device, queue) = (adapter.request_device(&descriptor).await)
            .map_err(|error| Error::NoDevice { adapter: facts.name.clone(), reason: error.to_string() })?;
        let health = Arc::new(Health::default());
        let seen = Arc::clone(&health);
        device.on_uncaptured_error(Arc::new(move |error| seen.note_refused(error.to_string())));
        let seen = Arc::clone(&health);
        device.set_device_lost_callback(move |reason, message| seen.note_lost(format!("{reason:?}: {message}")));
        Ok(Self::assemble(&adapter, device, queue, facts, options, health, false))
    }

    /// Takes the device that an app has opened, so that it can give its own textures
    /// ([`FromTexture`](crate::FromTexture)). `adapter` is the one that made the device. Neither a pipeline cache
    /// nor any but the default options: [`Context::from_wgpu_with`] takes others.
    ///
    /// Optional features are used where the device was opened with them: `SHADER_F16`, `SUBGROUP` and `TIMESTAMP_QUERY`.
    /// Its limits must reach `wgpu::Limits::downlevel_defaults()`, and its largest storage buffer the supernet, which
    /// loading checks.
    ///
    /// The device stays the app's. Its uncaptured-error and device-lost callbacks are not touched, for wgpu has one place
    /// for each: the runtime's own errors come from error scopes and reach only its callers. A lost device is noticed when
    /// a call fails; an app that hears of it first may say so by [`Context::report_lost`]. The queue is shared: work that
    /// the app submitted before a call, such as writing a frame's texture, is done before it.
    ///
    /// # Errors
    /// [`Error::MissingLimit`] if a limit of the device is too low, [`Error::Lost`] if it is lost already.
    pub fn from_wgpu(adapter: wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Result<Self, Error> {
        Self::from_wgpu_with(adapter, device, queue, &ContextOptions::default())
    }

    /// As [`Context::from_wgpu`]. Only these options are read: the timeout, the pipeline cache (for a device opened
    /// with `PIPELINE_CACHE`) and which features may be used.
    ///
    /// # Errors
    /// As [`Context::from_wgpu`].
    #[allow(clippy::needless_pass_by_value, reason = "as `from_wgpu`: the context keeps what it is given")]
    pub fn from_wgpu_with(
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
        options: &ContextOptions,
    ) -> Result<Self, Error> {
        let facts = AdapterInfo::new(&adapter, useful_features(&adapter, options) & device.features());
        let remedy = "open the device with `wgpu::Limits::downlevel_defaults()` or more";
        check_limits(&facts.name, &device.limits(), remedy)?;
        let context = Self::assemble(&adapter, device, queue, facts, options, Arc::default(), true);
        context.look_for_loss();
        context.check("taking the app's device")?;
        Ok(context)
    }

    fn assemble(
        adapter: &wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
        mut facts: AdapterInfo,
        options: &ContextOptions,
        health: Arc<Health>,
        is_the_apps: bool,
    ) -> Self {
        let pipeline_cache = PipelineCache::open(&device, &adapter.get_info(), options.cache_folder());
        facts.pipeline_cache = pipeline_cache.handle().is_some();
        let unpacks_f16 = adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::SHADER_F16_IN_F32);
        let gate = Gate::of_backend(&facts.backend);
        #[cfg(not(target_arch = "wasm32"))]
        let (verdict_file, verdicts) =
            options.cache_folder().map(|folder| VerdictFile::open(folder, &adapter.get_info())).unzip();
        let inner = Inner {
            device,
            queue,
            facts,
            timeout: options.timeout,
            health,
            is_the_apps,
            tally: Tally::default(),
            unpacks_f16,
            pipeline_cache,
            #[cfg(not(target_arch = "wasm32"))]
            service: Service::new(&gate),
            #[cfg(not(target_arch = "wasm32"))]
            worker: Worker::new(&gate),
            #[cfg(target_arch = "wasm32")]
            verdicts: Mutex::default(),
            #[cfg(not(target_arch = "wasm32"))]
            verdicts: Mutex::new(verdicts.unwrap_or_default()),
            #[cfg(not(target_arch = "wasm32"))]
            verdict_file,
            #[cfg(not(target_arch = "wasm32"))]
            test_time: AtomicU64::new(0),
            gate,
            #[cfg(test)]
            sabotage: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The adapter, and what of it is used.
    pub fn facts(&self) -> &AdapterInfo {
        &self.inner.facts
    }

    /// GPU objects made and bytes sent so far.
    pub fn counters(&self) -> Counters {
        self.inner.tally.snapshot()
    }

    /// The state of [`ContextOptions::pipeline_cache`].
    pub fn pipeline_cache(&self) -> PipelineCacheState {
        self.inner.pipeline_cache.state()
    }

    /// Writes compiled pipelines to disk if that was asked for and there are others than before. Never fails: the state
    /// says why it could not.
    pub(crate) fn save_pipelines(&self) {
        let _inside = self.gate().enter();
        self.inner.pipeline_cache.save();
    }

    /// Gives the device up; every later use is [`Error::Lost`]. An app's own device goes on living.
    pub fn destroy(&self) {
        if !self.inner.is_the_apps {
            let _inside = self.gate().enter();
            self.inner.device.destroy();
        }
        self.inner.health.note_lost("it was destroyed".to_owned());
    }

    /// Says that the device is lost, so that every later use is [`Error::Lost`] with this reason. For the app whose device
    /// this is ([`Context::from_wgpu`]), which alone hears of it.
    pub fn report_lost(&self, reason: &str) {
        self.inner.health.note_lost(reason.to_owned());
    }

    #[cfg(test)]
    pub(crate) fn device(&self) -> &wgpu::Device {
        &self.inner.device
    }

    /// The way into the driver's context, where threads must take turns.
    pub(crate) fn gate(&self) -> &Gate {
        &self.inner.gate
    }

    #[cfg(any(test, target_arch = "wasm32"))]
    pub(crate) fn queue(&self) -> &wgpu::Queue {
        &self.inner.queue
    }

    /// How long a wait for the GPU may last.
    pub(crate) fn timeout(&self) -> Duration {
        self.inner.timeout
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn polled(&self) -> Polled {
        Polled { device: self.inner.device.clone(), gate: self.gate().clone(), timeout: self.timeout() }
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn service(&self) -> &Service {
        &self.inner.service
    }

    /// The thread that compiles pipelines in the background.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn worker(&self) -> &Worker {
        &self.inner.worker
    }

    pub(crate) fn limits(&self) -> wgpu::Limits {
        self.inner.device.limits()
    }

    /// Whether WGSL's `unpack2x16float` may be used: everywhere but on lavapipe on an old processor.
    pub(crate) fn unpacks_f16(&self) -> bool {
        self.inner.unpacks_f16
    }

    /// Milliseconds of one tick of a timestamp query.
    pub(crate) fn tick_ms(&self) -> f64 {
        f64::from(self.inner.queue.get_timestamp_period()) * 1e-6
    }

    /// The loss of the device if that is behind an error, and the error otherwise.
    pub(crate) fn blamed(&self, error: Error) -> Error {
        self.look_for_loss();
        self.inner.health.check_there().err().unwrap_or(error)
    }

    /// Notes a loss that nobody told of: wgpu tells of it late, and an app's device has no callback of this crate. A lost
    /// device takes no work, not even none at all. The browser tells at once.
    fn look_for_loss(&self) {
        #[cfg(not(target_arch = "wasm32"))]
        if self.inner.health.check_there().is_ok() {
            let inside = self.gate().enter();
            let submission = self.inner.queue.submit([]);
            drop(inside);
            if let Err(Error::Lost { reason }) = self.polled().takes_work(submission) {
                self.inner.health.note_lost(reason);
            }
        }
    }

    /// Fails if the device is lost or an error was seen that no call reported.
    pub(crate) fn check(&self, action: &str) -> Result<(), Error> {
        match self.inner.health.check(action) {
            // About an object that was never made, if the device was lost then.
            Err(error @ Error::Refused { .. }) => Err(self.blamed(error)),
            found => found,
        }
    }

    /// The result of the self-test of this name, if it ran: a fault or none.
    pub(crate) fn verdict(&self, test: &str) -> Option<Option<Fault>> {
        self.inner.verdicts.lock().unwrap_or_else(PoisonError::into_inner).get(test).cloned()
    }

    pub(crate) fn remember_verdict(&self, test: &str, fault: Option<Fault>) {
        self.inner.verdicts.lock().unwrap_or_else(PoisonError::into_inner).insert(test.to_owned(), fault);
    }

    /// Writes the results of self-tests beside compiled pipelines, if there is a folder for those.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn save_verdicts(&self) {
        if let Some(file) = &self.inner.verdict_file {
            file.save(&self.inner.verdicts.lock().unwrap_or_else(PoisonError::into_inner));
        }
    }

    /// The time that testing kernels took so far: at each load, unless an earlier one or an earlier start has the results.
    /// Where the driver compiles a kernel when it first runs, that is a part of it.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn kernel_test_time(&self) -> Millis {
        Duration::from_nanos(self.inner.test_time.load(Ordering::Relaxed)).into()
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn add_kernel_test_time(&self, time: Duration) {
        self.inner.test_time.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Counts from here on, and has this happen.
    #[cfg(test)]
    pub(crate) fn arm(&self, mishap: Option<crate::gpu::mishap::Mishap>) {
        self.gate().mishaps().arm(mishap, &self.inner.device);
    }

    /// Runs `work`; the verdict says whether the GPU found an error in it.
    pub(crate) fn guarded<T>(&self, action: &str, work: impl FnOnce() -> T) -> (T, Verdict) {
        let inside = self.gate().enter();
        let device = &self.inner.device;
        let memory = device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let internal = device.push_error_scope(wgpu::ErrorFilter::Internal);
        let validation = device.push_error_scope(wgpu::ErrorFilter::Validation);
        let result = work();
        let errors = (validation.pop(), internal.pop(), memory.pop());
        drop(inside);
        let (context, action) = (self.clone(), action.to_owned());
        let verdict = async move {
            let (validation, internal, memory) = (errors.0.await, errors.1.await, errors.2.await);
            let error = validation.or(internal);
            if error.is_some() || memory.is_some() {
                context.look_for_loss();
            }
            context.inner.health.check_there()?;
            let is_full = memory.is_some();
            #[cfg(test)]
            let is_full = context.gate().mishaps().take_denied() || is_full;
            if is_full {
                return Err(Error::OutOfMemory { action });
            }
            match error {
                Some(error) => Err(Error::Refused { action, reason: error.to_string() }),
                None => context.check(&action),
            }
        };
        (result, Box::pin(verdict))
    }
}
