//! Nestling's compute kernels: WGSL in `wgsl/`, and the Rust mirror of what they read.
//!
//! Every module is parsed and validated by naga when this crate is built, so a mistake in WGSL is a build error, and is
//! written out for every backend in a test. The kernels need 4 storage buffers and one uniform buffer, at most 256
//! threads a workgroup and a kilobyte of workgroup memory: WebGPU's downlevel limits. They read weights only by
//! `weight(index)`, of which there is one for every storage, `wgsl/weights_*.wgsl`.
//!
//! | binding | what |
//! | --- | --- |
//! | 0 | source: activations, also the gate, or the 8-bit image |
//! | 1 | weights of the whole supernet, in a [`WeightStorage`] |
//! | 2 | norms: scales and shifts of all prepared children |
//! | 3 | destination: activations, also the residual |
//! | 4 | the layer's parameters ([`LayerParameters`] or [`ResizeParameters`]), at a dynamic offset |

mod kernel;
mod parameters;
mod sources;
mod storage;

pub use kernel::{Kernel, Specialisation, Tile};
pub use parameters::{LayerParameters, PARAMETER_BYTES, ResizeParameters};
pub use storage::WeightStorage;
