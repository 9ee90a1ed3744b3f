#![doc = "Nestling's device runtime."]

pub mod atomic_file;
pub mod bundle;
pub mod input;
pub mod latency;
pub mod reference;
pub mod space;
pub mod units;
