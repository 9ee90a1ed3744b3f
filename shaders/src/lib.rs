//! Nestling's compute kernels in WGSL, and the Rust mirror of their parameters.
//!
//! A module is made for one [`Specialisation`]. Simple kernels are files in `wgsl/`. The three that keep tiles of sums
//! in registers (pointwise, depthwise, dense) are generated, so that a tile may have any size and the driver's compiler
//! meets only code that runs. `generated/` holds whole modules to read, and a test keeps them up to date. Another test
//! takes modules that together cover every source line ([`Kernel::examples`]), validates them and translates them for
//! every backend.
//!
//! The kernels need 4 storage buffers and one uniform buffer, at most 128 threads a workgroup and three kilobytes of
//! workgroup memory: WebGPU's downlevel limits. They read weights only through `weight(index)`, which is generated from
//! the row of a [`WeightStorage`](nestling_core::weights::WeightStorage).
//!
//! | binding | content |
//! | --- | --- |
//! | 0 | source: activations, also the gate, the 8-bit image, or a texture |
//! | 1 | weights of the whole supernet |
//! | 2 | norms: scales and shifts of all prepared children |
//! | 3 | destination: activations, also the residual |
//! | 4 | the layer's parameters ([`LayerParameters`] or [`ResizeParameters`]), at a dynamic offset |

mod dense;
mod depthwise;
mod epilogue;
mod examples;
mod fingerprint;
mod kernel;
mod parameters;
mod pointwise;
mod sources;
mod specialisation;
mod writer;

pub use fingerprint::fingerprint;
pub use kernel::Kernel;
pub use parameters::{LayerParameters, PARAMETER_BYTES, ResizeParameters};
pub use specialisation::{Epilogue, Gate, Specialisation};
