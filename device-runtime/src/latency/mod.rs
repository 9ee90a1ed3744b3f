//! Latency: what a device measured, and what that says about a child it has not measured.

mod table;

pub use table::{DeviceKey, LatencyTable, LayerTime};
