//! One GPU device, opened politely: the adapter that was asked for, downlevel limits, optional features only where they
//! are offered, typed errors instead of panics, bounded waits, and a count of everything that is made or sent.

mod adapter;
#[cfg(not(target_arch = "wasm32"))]
mod blocking;
mod cache_file;
mod context;
mod counters;
mod gate;
mod health;
#[cfg(not(target_arch = "wasm32"))]
mod host;
mod instance;
mod latch;
#[cfg(test)]
pub(crate) mod mishap;
mod objects;
mod options;
mod pipeline_cache;
mod readback;
#[cfg(test)]
pub(crate) mod require;
#[cfg(test)]
mod sabotage;
mod select;
#[cfg(not(target_arch = "wasm32"))]
mod threads;
#[cfg(target_arch = "wasm32")]
mod timer;
mod vendor;
#[cfg(not(target_arch = "wasm32"))]
mod verdicts;
mod wait;

pub use adapter::{AdapterInfo, list_adapters_async};
#[cfg(not(target_arch = "wasm32"))]
pub use adapter::{chosen_adapter, list_adapters};
pub use cache_file::CacheFault;
pub use context::Context;
pub use counters::Counters;
pub use options::ContextOptions;

#[cfg(not(target_arch = "wasm32"))]
pub use blocking::block_on;
pub use pipeline_cache::{CacheSave, CacheStart, CacheUnused, PipelineCacheState};
pub use vendor::Vendor;
pub use wgpu::{Backends, PowerPreference};

pub(crate) use context::Fault;
pub(crate) use counters::Upload;
pub(crate) use gate::{BindGroup, Buffer, ComputePipeline, QuerySet};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use latch::Latch;
pub(crate) use readback::{Lease, Staging};
#[cfg(test)]
pub(crate) use sabotage::Sabotage;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use threads::retried;
