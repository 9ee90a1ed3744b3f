use crate::gpu::GpuError;
use nestling_core::arithmetic::Arithmetic;
use nestling_core::space::SpaceError;
use nestling_core::weights::OutOfRange;

/// Why the engine cannot load, prepare or run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A driver refused a fast kernel after the supernet had begun to answer.
    #[error("the fast kernels could not be prepared: {reason}; the plain one goes on answering, slowly")]
    Background {
        /// What the driver said.
        reason: String,
    },
    /// The GPU.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The space, the child or its statistics.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The weights do not belong to the space.
    #[error("{given} weights were given, but search space `{space}` has {expected}: load the weights trained for it")]
    Weights {
        /// Name of the space.
        space: String,
        /// Number that it has.
        expected: usize,
        /// Number that was given.
        given: usize,
    },
    /// The preprocessing does not belong to the space.
    #[error(
        "the preprocessing needs one finite mean and one positive deviation for each of {channels} input channels, and \
         a centre fraction above 0 and at most 1"
    )]
    Preprocessing {
        /// Input channels of the space.
        channels: u32,
    },
    /// A weight is beyond what the storage can hold.
    #[error(transparent)]
    WeightRange(#[from] OutOfRange),
    /// The adapter does not compute in this arithmetic, or the context was opened without it.
    #[error(
        "adapter `{adapter}` was opened without {arithmetic} arithmetic: load with `Arithmetic::F32` (`--arithmetic \
         f32`); where the adapter offers it, `ContextOptions::use_f16` must be set (no `--without f16`)"
    )]
    NoArithmetic {
        /// The adapter's name.
        adapter: String,
        /// What was asked for.
        arithmetic: Arithmetic,
    },
    /// The adapter reads weights of this storage wrongly, or gets this arithmetic wrong.
    #[error(
        "adapter `{adapter}` fails the self-test of {what}: found {found}, expected {expected}; load with {instead}, or \
         update the driver"
    )]
    SelfTest {
        /// What was tested.
        what: String,
        /// The adapter's name.
        adapter: String,
        /// What it gave.
        found: String,
        /// What it should have given.
        expected: String,
        /// What to load with on this adapter.
        instead: &'static str,
    },
    /// A layer or a buffer is beyond what the kernels can address.
    #[error("{place} is too large for the kernels: {quantity} = {value}, at most {limit}")]
    TooLarge {
        /// Which layer or buffer.
        place: String,
        /// What of it.
        quantity: &'static str,
        /// How large.
        value: u64,
        /// How large it may be.
        limit: u64,
    },
    /// Every slot holds a child that is still in use.
    #[error(
        "all {slots} child slots are in use: drop a `PreparedChild`, or load with more `EngineOptions::child_slots`"
    )]
    SlotsInUse {
        /// Slots that were made at load.
        slots: usize,
    },
    /// Nothing to calibrate on.
    #[error("no image to calibrate child `{child}` on: give some hundred, as the network will meet them")]
    NoImages {
        /// The child, printed.
        child: String,
    },
    /// What calibration keeps of its images does not fit.
    #[error(
        "calibrating child `{child}` on {images} images keeps {bytes} bytes on the GPU, which has no room for them: give \
         fewer images, or choose a smaller child"
    )]
    CalibrationMemory {
        /// The child, printed.
        child: String,
        /// Images given.
        images: usize,
        /// Bytes that all of them need.
        bytes: u64,
    },
    /// The child was prepared by another supernet.
    #[error("child `{child}` was prepared by another supernet: prepare it with the one that runs it")]
    Foreign {
        /// The child, printed.
        child: String,
    },
    /// The image is larger than the buffer made at load.
    #[error(
        "the image's centre square has a side of {side} pixels, at most {largest} fit: shrink it, or load with a larger \
         `EngineOptions::largest_image_side`"
    )]
    ImageTooLarge {
        /// Its side in pixels.
        side: u32,
        /// Largest side in pixels.
        largest: u32,
    },
    /// The tensor is not the child's input.
    #[error("child `{child}` reads {expected} values ({shape}, channel by channel), but {given} were given")]
    Tensor {
        /// The child, printed.
        child: String,
        /// What it reads.
        shape: String,
        /// Values that it reads.
        expected: usize,
        /// Values that were given.
        given: usize,
    },
}
