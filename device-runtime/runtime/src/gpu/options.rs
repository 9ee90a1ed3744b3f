use crate::gpu::{Backends, PowerPreference};
use std::path::Path;
#[cfg(not(target_arch = "wasm32"))]
use std::path::PathBuf;
use std::time::Duration;

/// Which adapter to open, and how.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ContextOptions {
    /// Backends to try.
    pub backends: Backends,
    /// The adapter: a part of its name in any case, its PCI bus id such as `0000:01:00.0`, or its index in
    /// [`list_adapters`](crate::list_adapters) with the same backends, such as `1`: with other backends the same adapter
    /// may have another one. A text of digits is always an index.
    ///
    /// Where several backends offer an adapter of a fitting name, the first of them is taken. A name that fits several
    /// adapters of one backend is [`Error::AmbiguousAdapter`](crate::Error::AmbiguousAdapter), and one that fits none, or
    /// is empty, is [`Error::NoAdapter`](crate::Error::NoAdapter); both list the adapters. `None` leaves the choice to
    /// wgpu.
    pub adapter_name: Option<String>,
    /// Take a software adapter.
    pub force_software: bool,
    /// Battery or speed, where there are two GPUs.
    pub power_preference: PowerPreference,
    /// Use timestamp queries where they are offered.
    pub use_timestamps: bool,
    /// Use subgroup operations where they are offered.
    pub use_subgroups: bool,
    /// Make 16-bit floats in the arithmetic possible where they are offered. They are used only where
    /// [`EngineOptions::arithmetic`](crate::engine::EngineOptions::arithmetic) asks for them.
    pub use_f16: bool,
    /// Largest buffer in bytes; more than WebGPU's 128 MiB only where the adapter has it.
    pub largest_buffer: u64,
    /// Folder in which compiled pipelines are kept, so that the next start need not compile them; made if missing.
    /// Used where the adapter offers it (Vulkan). They are written once all of a supernet's are compiled: a start that
    /// ends before that leaves nothing.
    ///
    /// Only this app may write into it: the driver trusts what a file of the right form and checksum holds.
    /// [`Context::pipeline_cache`](crate::Context::pipeline_cache) says what became of it; no trouble with it fails
    /// anything else.
    ///
    /// The results of the test of kernels at load are kept there too, on every backend, for this adapter, driver and
    /// version of the kernels: a later start does not test them again.
    #[cfg(not(target_arch = "wasm32"))]
    pub pipeline_cache: Option<PathBuf>,
    /// How long any wait for the GPU may last.
    pub timeout: Duration,
}

impl Default for ContextOptions {
    fn default() -> Self {
        Self {
            backends: Backends::all(),
            adapter_name: None,
            force_software: false,
            power_preference: PowerPreference::HighPerformance,
            use_timestamps: true,
            use_subgroups: true,
            use_f16: true,
            largest_buffer: 128 << 20,
            #[cfg(not(target_arch = "wasm32"))]
            pipeline_cache: None,
            timeout: Duration::from_secs(30),
        }
    }
}

impl ContextOptions {
    nestling_core::setters! {
        backends: Backends, adapter_name: Option<String>, force_software: bool, power_preference: PowerPreference,
        use_timestamps: bool, use_subgroups: bool, use_f16: bool, largest_buffer: u64,
        #[cfg(not(target_arch = "wasm32"))] pipeline_cache: Option<PathBuf>, timeout: Duration,
    }

    /// Where compiled pipelines are kept; a browser has no such place.
    pub(super) fn cache_folder(&self) -> Option<&Path> {
        #[cfg(not(target_arch = "wasm32"))]
        return self.pipeline_cache.as_deref();
        #[cfg(target_arch = "wasm32")]
        None
    }
}
