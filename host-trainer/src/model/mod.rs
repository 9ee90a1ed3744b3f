//! The supernet in libtorch: a [`Network`](nestling_core::space::Network) runs over shared tensors by narrowing them.
//!
//! No shape is derived here. Every shape is read from the network.

mod extras;
mod forward;
pub mod kernels;
mod parameters;
mod recompute;
mod resizer;

pub use extras::{Extra, ExtraRole, Extras};
pub use forward::{Norm, Recorder, Regularisation, activate, forward, images_at_once, layer_output, norm_tensors};
pub use parameters::Parameters;
pub(crate) use parameters::values_of;
pub use recompute::{Recomputed, kept_in_segments, kept_numbers, segments};
pub use resizer::Resizer;
