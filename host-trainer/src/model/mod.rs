//! The supernet in tch: a [`Network`](nestling_core::space::Network) run over shared tensors by narrowing them. No shape is
//! derived here; every one is read from the network.

mod forward;
mod images;
pub mod kernels;
mod parameters;

pub use forward::{Norm, activate, forward, layer_output, norm_tensors};
pub use images::ImageSizes;
pub use parameters::Parameters;
pub(crate) use parameters::values_of;
