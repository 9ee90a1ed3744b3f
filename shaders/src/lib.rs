//! Nestling's compute kernels in WGSL, and the Rust mirror of what they read.
//!
//! A module is made for one [`Specialisation`]: the simple kernels are files in `wgsl/`, the three that keep tiles of sums in
//! registers (pointwise, depthwise, dense) are generated, so that a tile may have any size and the driver's compiler meets
//! only what runs. A test parses, validates and writes for every backend what reaches every line of them
//! ([`Kernel::examples`]). The kernels need 4 storage buffers and one uniform buffer, at most 256
//! threads a workgroup and three kilobytes of workgroup memory: WebGPU's downlevel limits. They read weights only by
//! `weight(index)`, of which there is one for every storage, `wgsl/weights_*.wgsl`.
//!
//! | binding | what |
//! | --- | --- |
//! | 0 | source: activations, also the gate, or the 8-bit image |
//! | 1 | weights of the whole supernet, in a [`WeightStorage`](nestling_core::weights::WeightStorage) |
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

pub use fingerprint::fingerprint;
pub use kernel::{Epilogue, Gate, Kernel, Specialisation};
pub use parameters::{LayerParameters, PARAMETER_BYTES, ResizeParameters};
