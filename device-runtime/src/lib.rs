#![doc = "Nestling's device runtime."]

pub mod atomic_file;
pub mod bundle;
#[cfg(feature = "gpu")]
pub mod engine;
#[cfg(feature = "gpu")]
pub mod gpu;
pub mod input;
pub mod latency;
pub mod reference;
pub mod space;
pub mod units;
