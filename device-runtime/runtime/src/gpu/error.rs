use std::time::Duration;

/// Why the GPU cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GpuError {
    /// No adapter fits.
    #[error(
        "no GPU adapter {wanted} (tried {tried}; found {found}). Install a Vulkan driver: on Debian and Ubuntu \
         `mesa-vulkan-drivers` has the drivers of AMD, Intel and a software adapter"
    )]
    NoAdapter {
        /// What was asked for.
        wanted: String,
        /// Backends that were asked.
        tried: String,
        /// Adapters that they offered, or `none`.
        found: String,
    },
    /// The adapter refused to open.
    #[error("adapter `{adapter}` gave no device: {reason}")]
    NoDevice {
        /// Its name.
        adapter: String,
        /// What the driver said.
        reason: String,
    },
    /// The adapter offers less than is needed.
    #[error("adapter `{adapter}` offers {limit} = {offered}, but {needed} is needed: {remedy}")]
    MissingLimit {
        /// Its name.
        adapter: String,
        /// WebGPU's name of the limit.
        limit: &'static str,
        /// What is needed.
        needed: u64,
        /// What there is.
        offered: u64,
        /// What to do.
        remedy: &'static str,
    },
    /// The memory is full.
    #[error("out of GPU memory while {action}: prepare fewer children at once, or load a smaller supernet")]
    OutOfMemory {
        /// What was being done.
        action: String,
    },
    /// The driver or wgpu refused a call.
    #[error("the GPU refused {action}: {reason}")]
    Refused {
        /// What was being done.
        action: String,
        /// What it said.
        reason: String,
    },
    /// The device is gone.
    #[error("the GPU device was lost ({reason}): open a new context and load the supernet again")]
    Lost {
        /// What the driver said.
        reason: String,
    },
    /// The GPU did not answer in time.
    #[error(
        "the GPU did not finish {action} within {waited:?}: it hangs or is overloaded; raise `ContextOptions::timeout` \
         if the work is really that long"
    )]
    Timeout {
        /// What was waited for.
        action: String,
        /// How long.
        waited: Duration,
    },
}
