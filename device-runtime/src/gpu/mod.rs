//! One GPU device, opened politely: the adapter that was asked for, downlevel limits, optional features only where they
//! are offered, typed errors instead of panics, bounded waits, and a count of everything that is made or sent.

mod adapter;
mod context;
mod counters;
mod error;
mod readback;

pub use adapter::{AdapterFacts, list_adapters};
pub use context::{Context, ContextOptions};
pub use counters::Counters;
pub use error::GpuError;
pub use wgpu::{Backends, PowerPreference};

pub(crate) use context::Fault;
pub(crate) use counters::Upload;
pub(crate) use readback::{Lease, Staging, Wait};
