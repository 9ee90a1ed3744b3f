//! Trials of an adapter before it is trusted: self-tests of storages, of 16-bit arithmetic and of broadcasts, every kernel
//! beside the reference, and the timing of tiles. Each runs single layers, without a supernet.
//!
//! This folder may use [`plan`](super::plan) and [`resources`](super::resources).

mod arithmetic;
mod golden;
mod layers;
mod storage;
mod tune;
mod values;

pub use layers::Check;

pub(super) use arithmetic::{broadcast_is_right, check_arithmetic, check_offered};
#[cfg(not(target_arch = "wasm32"))]
pub(super) use layers::replace_wrong;
pub(super) use layers::{Bench, LARGEST, check_kernels, compared};
#[cfg(test)]
pub(super) use layers::{Drawn, LayerCase, Slice, dequantised, packed_activation, unpacked_activation};
pub(super) use storage::check_storage;
pub(super) use tune::tune;
