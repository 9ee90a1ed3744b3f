//! The engine underneath [`Runtime`](crate::Runtime): for evaluation tools, trainers and tests. It may change in any
//! release.

pub use crate::engine::{
    EngineOptions, HostSpan, LayerPlan, LayerTimes, LoadTimes, MemoryUse, Planner, PutTensor, Supernet, Timeline,
    Traits, WeightSource, check_kernels_of_async, kernels_fingerprint, precision, vendor_tiles, weight_bytes,
};
#[cfg(not(target_arch = "wasm32"))]
pub use crate::gpu::chosen_adapter;
pub use crate::gpu::{CacheFault, CacheSave, CacheStart, CacheUnused, Counters, PipelineCacheState, Vendor};
pub use crate::profiling::{ChoiceTimer, DriftMeter, Subject, measure};
