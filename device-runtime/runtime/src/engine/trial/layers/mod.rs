//! Single layers of any shape on the GPU, each beside the f64 reference.

mod answer;
mod bench;
mod case;
#[cfg(not(target_arch = "wasm32"))]
mod probe;
#[cfg(not(target_arch = "wasm32"))]
mod resize;
mod sweep;

#[cfg(test)]
pub(in crate::engine) use answer::dequantised;
pub(in crate::engine) use answer::{Drawn, compared};
pub(in crate::engine) use bench::{Bench, LARGEST};
#[cfg(test)]
pub(in crate::engine) use bench::{packed_activation, unpacked_activation};
pub(in crate::engine) use case::{LayerCase, Slice};
#[cfg(not(target_arch = "wasm32"))]
pub(in crate::engine) use probe::replace_wrong;
pub use sweep::Check;
pub(in crate::engine) use sweep::check_kernels;
#[cfg(not(target_arch = "wasm32"))]
use sweep::described;
