//! How long a supernet's layers and inferences take, by the GPU's clock or the host's.
//!
//! This folder may use [`run`](super::run) and all that it may use.

mod timing;
mod trace;

pub use timing::LayerTimes;
pub use trace::{HostSpan, Timeline};
