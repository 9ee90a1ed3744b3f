//! Trials of an adapter before it is trusted: self-tests of storages, of 16-bit arithmetic and of broadcasts, and the
//! timing of tiles. Each runs single layers, without a supernet.
//!
//! This folder may use [`plan`](super::plan) and [`resources`](super::resources).

mod arithmetic;
mod golden;
mod storage;
mod tune;
mod values;

pub(super) use arithmetic::{broadcast_is_right, check_arithmetic, check_offered};
pub(super) use storage::check_storage;
pub(super) use tune::tune;
