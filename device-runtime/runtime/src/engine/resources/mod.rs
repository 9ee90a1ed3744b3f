//! The things that a supernet holds on the GPU: buffers, bind groups, pipelines and the thread that compiles them,
//! packed weights, timestamps.
//!
//! This folder may use [`plan`](super::plan).

mod arena;
mod background;
#[cfg(not(target_arch = "wasm32"))]
mod forecast;
mod pipelines;
mod repack;
mod timestamps;

pub use background::Readiness;
pub use pipelines::Replaced;
pub use repack::{PutTensor, WeightSource, weight_bytes};

pub(super) use arena::Arena;
pub(super) use background::Background;
#[cfg(not(target_arch = "wasm32"))]
pub(super) use background::{FirstRun, Test};
pub(super) use pipelines::{Common, Pipelines, Wanted};
pub(super) use repack::{HostValues, Packed, PackedWeights, pack, pack_whole};
pub(super) use timestamps::Timestamps;
