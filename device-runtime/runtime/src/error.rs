use nestling_bundle::{BundleError, ProfileError, Stale};
use nestling_core::arithmetic::Arithmetic;
use nestling_core::choosing::Budget;
use nestling_core::governor::GovernorError;
use nestling_core::image::ImageError;
use nestling_core::metrics::Latency;
use nestling_core::room::NoRoom;
use nestling_core::space::SpaceError;
use nestling_core::weights::OutOfRange;
use std::time::Duration;

#[cfg(test)]
mod tests;

/// Why the runtime cannot do what it was asked.
///
/// Every variant has a stable [`code`](Self::code), for programs and for other languages; its message says what was
/// wrong, where, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// No adapter fits.
    #[error("no GPU adapter {wanted} (tried {tried}; found {found}). {}", remedy(.tried, .found))]
    NoAdapter {
        /// Adapter that was asked for, in words.
        wanted: String,
        /// Backends that were asked; `none`, with the reason, if this build has none of those that were wanted.
        tried: String,
        /// Adapters that they offered with their indices, or `none`.
        found: String,
    },
    /// Several adapters fit.
    #[error(
        "`{wanted}` fits several GPU adapters: {matching}. Give more of the name, the index or the PCI bus id in \
         `ContextOptions::adapter_name`"
    )]
    AmbiguousAdapter {
        /// Text that was given.
        wanted: String,
        /// Adapters that it fits, with their indices.
        matching: String,
    },
    /// The adapter refused to open.
    #[error(
        "adapter `{adapter}` gave no device: {reason}; close other programs that use the GPU, or choose another adapter"
    )]
    NoDevice {
        /// The adapter's name.
        adapter: String,
        /// The driver's words.
        reason: String,
    },
    /// The adapter, or the device that the app opened, offers less than is needed.
    #[error("adapter `{adapter}` offers {limit} = {offered}, but {needed} is needed: {remedy}")]
    MissingLimit {
        /// The adapter's name.
        adapter: String,
        /// WebGPU's name of the limit.
        limit: &'static str,
        /// Least value.
        needed: u64,
        /// Offered value.
        offered: u64,
        /// Advice.
        remedy: &'static str,
    },
    /// The GPU's memory is full.
    #[error("out of GPU memory while {action}: close other programs that use the GPU, or take a smaller supernet")]
    OutOfMemory {
        /// Action that failed.
        action: String,
    },
    /// The driver or wgpu refused a call.
    #[error("the GPU refused {action}: {reason}; update the driver, or choose another adapter")]
    Refused {
        /// Action that failed.
        action: String,
        /// The driver's words.
        reason: String,
    },
    /// The device is gone.
    #[error("the GPU device was lost ({reason}): close the runtime and open the bundle again")]
    Lost {
        /// The driver's words.
        reason: String,
    },
    /// The GPU did not answer in time.
    #[error(
        "the GPU did not finish {action} within {waited:?}: it hangs or is overloaded; raise `ContextOptions::timeout` \
         if the work is really that long"
    )]
    Timeout {
        /// Action that was waited for.
        action: String,
        /// How long.
        waited: Duration,
    },
    /// A measurement, a choice or a calibration is under way.
    #[error(
        "{action} is under way on this runtime: wait until it ends, or drop its future; a progress callback must not \
         measure, choose or calibrate"
    )]
    Busy {
        /// Action that is under way.
        action: &'static str,
    },
    /// A driver refused a fast kernel after the supernet had begun to answer.
    #[error("the fast kernels could not be prepared: {reason}; the fallback kernels go on answering, slowly")]
    FastKernels {
        /// The driver's words.
        reason: String,
    },
    /// The adapter does not compute in this arithmetic, or the context was opened without it.
    #[error(
        "adapter `{adapter}` was opened without {arithmetic} arithmetic: load with `Arithmetic::F32`; where the adapter \
         offers it, `ContextOptions::use_f16` must be set"
    )]
    NoArithmetic {
        /// The adapter's name.
        adapter: String,
        /// Arithmetic that was asked for.
        arithmetic: Arithmetic,
    },
    /// The adapter reads weights of this storage wrongly, or gets this arithmetic wrong.
    #[error(
        "adapter `{adapter}` fails the self-test of {test}: found {found}, expected {expected}; load with {instead}, or \
         update the driver"
    )]
    SelfTest {
        /// Name of the test.
        test: String,
        /// The adapter's name.
        adapter: String,
        /// Value that it gave.
        found: String,
        /// Value that is right.
        expected: String,
        /// Option to load with on this adapter.
        instead: &'static str,
    },
    /// A layer or a buffer is beyond what the kernels can address.
    #[error("{place} is too large for the kernels: {quantity} = {value}, at most {limit}; {remedy}")]
    TooLarge {
        /// Which layer or buffer.
        place: String,
        /// Which quantity of it.
        quantity: &'static str,
        /// How large.
        value: u64,
        /// How large it may be.
        limit: u64,
        /// Advice.
        remedy: &'static str,
    },
    /// The bundle asks for more work than the app was built for.
    #[cfg(not(target_arch = "wasm32"))]
    #[error(
        "a child takes {given} multiply-adds, more than `RuntimeOptions::max_madds` {limit}: give the app's own bundle, or \
         raise the limit"
    )]
    TooMuchWork {
        /// Multiply-adds of the largest child.
        given: u64,
        /// As many as the app allows.
        limit: u64,
    },
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
    /// The process has no memory left for a part of a bundle or an answer.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// The space, the child or its statistics.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The file of a device profile.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The pixels.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// No child of that name ships.
    #[error("no child called `{name}` in this bundle; it has: {known}")]
    UnknownChild {
        /// Name that was asked for.
        name: String,
        /// Names that exist.
        known: String,
    },
    /// Every slot holds a child that is still in use.
    #[error(
        "all {slots} child slots are in use: drop a `PreparedChild`, or load with more `RuntimeOptions::spare_children`"
    )]
    SlotsInUse {
        /// Slots that were made at load.
        slots: usize,
    },
    /// The child was prepared by another supernet.
    #[error("child `{child}` was prepared by another runtime: prepare it with the one that runs it")]
    Foreign {
        /// The child, printed.
        child: String,
    },
    /// The child's weights were never trained.
    #[error(
        "{child} is untrained: its answers would be noise; choose a trained child, or set `RuntimeOptions::untrained` to \
         time it anyway"
    )]
    Untrained {
        /// Which child.
        child: String,
    },
    /// The weights have not arrived.
    #[error("the weights of {child} have not arrived: wait for the rest of the bundle, and let the runtime grow")]
    NotArrived {
        /// Which child.
        child: String,
    },
    /// Nothing to calibrate on.
    #[error("no image to calibrate child `{child}` on: give some hundred, as the network will meet them")]
    NoImages {
        /// The child, printed.
        child: String,
    },
    /// A calibration's tensors do not fit.
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
    /// The image is larger than the buffer made at load.
    #[error(
        "reading the image needs `RuntimeOptions::max_image_side` {side}, but it is {max}: shrink the image, or load with \
         {side}"
    )]
    ImageTooLarge {
        /// The `max_image_side` that is large enough.
        side: u32,
        /// The one that was given.
        max: u32,
    },
    /// The texture cannot be read as an image.
    #[error("the texture cannot be read as an image: {problem}; {remedy}")]
    Texture {
        /// Property that is in the way.
        problem: String,
        /// Advice.
        remedy: &'static str,
    },
    /// The tensor is not the child's input.
    #[error("child `{child}` reads {expected} values ({shape}, channel by channel), but {given} were given")]
    Tensor {
        /// The child, printed.
        child: String,
        /// Shape that it reads.
        shape: String,
        /// Values that it reads.
        expected: usize,
        /// Values that were given.
        given: usize,
    },
    /// The GPU returned something that is not a number.
    #[error(
        "child `{child}` answered with a value that is not finite: its batch-norm statistics do not belong to these \
         weights, or the GPU driver computes wrongly; try another adapter"
    )]
    NotFinite {
        /// The child, printed.
        child: String,
    },
    /// A profile of another device, network, image size or other kernels.
    #[error("the device profile is stale: {0}; measure again with `Runtime::profile`")]
    StaleProfile(Stale),
    /// Even the fastest child breaks the budget. The active child stays.
    #[error(
        "no shipped child keeps within {budget}: the fastest, `{fastest}`, takes p50 {}, p90 {}, p95 {} on this device; \
         allow more time, or search the space for smaller children and pack them", measured.p50, measured.p90, measured.p95
    )]
    BelowFastest {
        /// Budget that was asked for.
        budget: Budget,
        /// Name of the fastest child.
        fastest: String,
        /// Its measured time.
        measured: Latency,
    },
    /// The budget is not a duration.
    #[error("a budget of {} is not a duration: give a positive number of milliseconds", budget.limit)]
    InvalidBudget {
        /// Budget that was asked for.
        budget: Budget,
    },
    /// No governor can be made with these options.
    #[error(transparent)]
    Governor(#[from] GovernorError),
    /// Another bundle than the runtime's.
    #[error("this is bundle {given}, but the runtime was made from {own}; give the one it was made from")]
    OtherBundle {
        /// Identity of the bundle that was given.
        given: String,
        /// Identity of the runtime's.
        own: String,
    },
    /// The bundle lacks what judges children that do not ship.
    #[error(
        "the bundle has no {missing}, so children that do not ship cannot be judged; pack it from a search with this \
         version, or use `Runtime::choose`, which takes shipped children"
    )]
    CannotJudge {
        /// Part that it lacks.
        missing: &'static str,
    },
}

impl From<Stale> for Error {
    fn from(stale: Stale) -> Self {
        Self::StaleProfile(stale)
    }
}

/// The backends that were tried where this build has none of those that were wanted. The reason follows.
pub(crate) const NO_BACKEND: &str = "none: ";

/// Advice for someone whose adapter is not there.
fn remedy(tried: &str, found: &str) -> &'static str {
    if tried.starts_with(NO_BACKEND) {
        "Ask for one of the backends that it has in `ContextOptions::backends`"
    } else if found == "none" {
        "Install a Vulkan driver: on Debian and Ubuntu `mesa-vulkan-drivers` has the drivers of AMD, Intel and a software \
         adapter"
    } else {
        "Choose one of those by a part of its name, its index or its PCI bus id"
    }
}

impl Error {
    /// A stable name of the kind of error, in snake case: for programs, logs and bindings. Codes are never reused. That
    /// of a space, a child, a bundle, an image, a weight, a governor or a stale profile is the inner error's own.
    ///
    /// ```
    /// let error = nestling::Error::Busy { action: "a measurement" };
    /// assert_eq!(error.code(), "busy");
    /// ```
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoAdapter { .. } => "no_adapter",
            Self::AmbiguousAdapter { .. } => "ambiguous_adapter",
            Self::NoDevice { .. } => "no_device",
            Self::MissingLimit { .. } => "missing_limit",
            Self::OutOfMemory { .. } => "out_of_gpu_memory",
            Self::Refused { .. } => "gpu_refused",
            Self::Lost { .. } => "device_lost",
            Self::Timeout { .. } => "timeout",
            Self::Busy { .. } => "busy",
            Self::FastKernels { .. } => "fast_kernels",
            Self::NoArithmetic { .. } => "no_arithmetic",
            Self::SelfTest { .. } => "self_test",
            Self::TooLarge { .. } => "too_large",
            #[cfg(not(target_arch = "wasm32"))]
            Self::TooMuchWork { .. } => "too_much_work",
            Self::Weights { .. } => "weights",
            Self::Preprocessing { .. } => "preprocessing",
            Self::WeightRange(error) => error.code(),
            Self::NoRoom(error) => error.code(),
            Self::Space(error) => error.code(),
            Self::Bundle(error) => error.code(),
            Self::Profile(error) => error.code(),
            Self::Image(error) => error.code(),
            Self::UnknownChild { .. } => "unknown_child",
            Self::SlotsInUse { .. } => "slots_in_use",
            Self::Foreign { .. } => "foreign_child",
            Self::Untrained { .. } => "untrained",
            Self::NotArrived { .. } => "not_arrived",
            Self::NoImages { .. } => "no_images",
            Self::CalibrationMemory { .. } => "calibration_memory",
            Self::ImageTooLarge { .. } => "image_too_large",
            Self::Texture { .. } => "texture",
            Self::Tensor { .. } => "tensor",
            Self::NotFinite { .. } => "not_finite",
            Self::StaleProfile(stale) => stale.code(),
            Self::BelowFastest { .. } => "below_fastest",
            Self::InvalidBudget { .. } => "invalid_budget",
            Self::Governor(error) => error.code(),
            Self::OtherBundle { .. } => "other_bundle",
            Self::CannotJudge { .. } => "cannot_judge",
        }
    }
}
