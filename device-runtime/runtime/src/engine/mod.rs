//! The supernet on the GPU, and its children as parameters.
//!
//! [`Supernet::load`] uploads the shared weights once, in the kernels' order, and builds every pipeline that any child
//! of the space can need. [`Supernet::prepare`] turns a calibrated child into a few kilobytes of parameters in a slot
//! that already exists. Running another prepared child only walks another list of dispatches: no weight, buffer, bind
//! group or pipeline is touched, which [`Counters`](crate::gpu::Counters) let a test assert.
//!
//! [`Supernet::calibrate`] finds the statistics of a child that has none, in the same buffers and with what little more
//! it makes for as long as it takes.
//!
//! Three buffers hold all activations, whatever the child:
//!
//! | buffer | holds |
//! | --- | --- |
//! | block | what a block reads and writes; the residual is added in place; at the end the logits; behind them, means |
//! | expanded | what an expand convolution or the head writes; a squeezed mean; an averaged shortcut |
//! | filtered | the input tensor; what a depthwise convolution or the pool writes; behind them, gates |
//!
//! Squeeze-and-excite goes around: the depthwise output stays at the start of `filtered`, its mean goes behind `block`,
//! the squeezed mean to `expanded`, and the gate behind `filtered`, where the projection reads both. A shortcut of its
//! own goes through `expanded` and takes the place of the block's input, which nothing else needs any more.
//!
//! The folders: [`load`] makes what [`run`] runs; [`measure`] times it, and [`calibrate`] finds statistics with it.
//! [`plan`] decides, [`resources`] holds what is on the GPU, [`trial`] tries an adapter before either is trusted, and [`verify`] compares what
//! runs with its definitions.

mod calibrate;
mod load;
mod measure;
mod plan;
mod resources;
mod run;
#[cfg(test)]
mod tests;
mod trial;
mod verify;

pub use measure::{HostSpan, LayerTimes, Timeline};
pub use nestling_shaders::fingerprint as kernels_fingerprint;
pub use plan::{EngineOptions, LayerPlan, MemoryUse, Planner, Start, TileChoice, Traits, precision, vendor_tiles};
pub use resources::{PutTensor, Readiness, Replaced, WeightSource, weight_bytes};
pub use run::{Frame, FromTexture, LoadTimes, PreparedChild, Supernet};
pub use trial::Check;
pub use verify::check_kernels_of_async;
