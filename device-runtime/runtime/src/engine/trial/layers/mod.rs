//! Single layers of any shape on the GPU, each beside the f64 reference.

mod answer;
mod bench;
mod case;
mod sweep;

#[cfg(test)]
pub(in crate::engine) use answer::dequantised;
pub(in crate::engine) use answer::{Drawn, compared};
pub(in crate::engine) use bench::Bench;
#[cfg(test)]
pub(in crate::engine) use bench::{packed_activation, unpacked_activation};
pub(in crate::engine) use case::{LayerCase, Slice};
pub use sweep::Check;
pub(in crate::engine) use sweep::check_kernels;
