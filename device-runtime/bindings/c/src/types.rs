//! Structs and constants of the interface.

use std::ffi::{c_char, c_void};

/// Major version of this header.
pub const NESTLING_VERSION_MAJOR: u32 = 0;
/// Minor version of this header. Before 1.0, libraries of another minor version have another interface.
pub const NESTLING_VERSION_MINOR: u32 = 1;
/// Patch version of this header.
pub const NESTLING_VERSION_PATCH: u32 = 0;
/// Stands for no child where the index of a child could be.
pub const NESTLING_NONE: u32 = 0xFFFF_FFFF;
/// Bytes of a child's name with its zero.
pub const NESTLING_NAME_BYTES: usize = 256;

/// A bundle on a GPU. Only the library knows its contents.
pub struct nestling_runtime {
    _unknown: [u8; 0],
}

/// Storages of the shared weights on the GPU.
#[repr(C)]
pub enum nestling_weight_storage {
    /// As in the bundle; f32 on an adapter that fails its self-test.
    NESTLING_STORAGE_OF_BUNDLE = 0,
    /// 4 bytes a weight.
    NESTLING_STORAGE_F32 = 1,
    /// 2 bytes a weight.
    NESTLING_STORAGE_F16 = 2,
    /// 1 byte a weight.
    NESTLING_STORAGE_INT8 = 3,
}

/// Number types of products.
#[repr(C)]
pub enum nestling_arithmetic {
    /// 32-bit floats.
    NESTLING_ARITHMETIC_F32 = 0,
    /// 16-bit floats, where the adapter offers them and passes a self-test.
    NESTLING_ARITHMETIC_F16 = 1,
}

/// Options of a runtime. A zero, or a null pointer, takes the default: set all bytes to zero first.
#[repr(C)]
pub struct nestling_options {
    /// A part of the adapter's name, its index or its PCI bus id. Null leaves the choice to the system.
    pub adapter: *const c_char,
    /// Folder of this app in which compiled pipelines are kept for the next start, on Vulkan. Null keeps none.
    pub pipeline_cache: *const c_char,
    /// Largest side of an image's centre square in pixels: 1080 by default.
    pub max_image_side: u32,
    /// Side of the square images that times are measured with: by default the largest that the network reads.
    pub image_side: u32,
    /// Classifications that may be on their way at the same time: 4 by default.
    pub answers_in_flight: u32,
    /// Milliseconds that any wait for the GPU may last: 30,000 by default.
    pub timeout_ms: u32,
    /// A `nestling_weight_storage`.
    pub weight_storage: u32,
    /// A `nestling_arithmetic`.
    pub arithmetic: u32,
    /// Not 0: take a software adapter.
    pub force_software: u32,
    /// Not 0: children that were never trained may be chosen and answer. Their times are true, their answers are noise.
    pub untrained: u32,
}

/// Facts of a runtime.
#[repr(C)]
pub struct nestling_facts {
    /// Classes of the bundle.
    pub classes: u32,
    /// Children that ship.
    pub children: u32,
    /// Whether the adapter is software on the CPU.
    pub is_software: bool,
    /// Whether a device profile is in use: without one, the first choice measures one.
    pub has_profile: bool,
}

/// Facts of a child that ships. Children are counted from 0, the one with the fewest multiply-adds first.
#[repr(C)]
pub struct nestling_child {
    /// Its name in the bundle, with a zero behind it.
    pub name: [c_char; NESTLING_NAME_BYTES],
    /// Multiply-adds of one picture.
    pub madds: u64,
    /// Weights that it uses.
    pub parameters: u64,
    /// Side of its input in pixels.
    pub resolution: u32,
    /// Whether it may be chosen and answer: it was trained, or the options allow untrained children.
    pub may_answer: bool,
    /// Share of right answers on held-out pictures in percent; NaN if it was not measured.
    pub accuracy_percent: f64,
    /// Its median time in ms in the device profile; NaN if it was not measured.
    pub p50_ms: f64,
    /// The time that 90 of 100 runs keep, in ms; NaN if it was not measured.
    pub p90_ms: f64,
    /// The time that 95 of 100 runs keep, in ms; NaN if it was not measured.
    pub p95_ms: f64,
}

/// Orders of an image's samples.
#[repr(C)]
pub enum nestling_format {
    /// One plane, one byte a pixel.
    NESTLING_FORMAT_GREY8 = 0,
    /// One plane; red, green, blue, alpha (ignored).
    NESTLING_FORMAT_RGBA8 = 1,
    /// One plane; blue, green, red, alpha (ignored): iOS's `kCVPixelFormatType_32BGRA`.
    NESTLING_FORMAT_BGRA8 = 2,
    /// One plane; red, green, blue.
    NESTLING_FORMAT_RGB8 = 3,
    /// Two planes: luma; cb and cr in turns at half the rows and columns, rounded up.
    NESTLING_FORMAT_NV12 = 4,
    /// As NV12, but cr comes before cb.
    NESTLING_FORMAT_NV21 = 5,
    /// Three planes: luma, cb, cr; chroma at half the rows and columns, rounded up.
    NESTLING_FORMAT_I420 = 6,
    /// Android's `YUV_420_888`: as I420, with chroma samples that are `pixel_stride` bytes apart.
    NESTLING_FORMAT_YUV_420_888 = 7,
}

/// Weights of red, green and blue in luma.
#[repr(C)]
pub enum nestling_yuv_matrix {
    /// Standard definition and JPEG.
    NESTLING_MATRIX_BT601 = 0,
    /// High definition.
    NESTLING_MATRIX_BT709 = 1,
}

/// The values that samples of luma and chroma use.
#[repr(C)]
pub enum nestling_yuv_range {
    /// 0 to 255.
    NESTLING_RANGE_FULL = 0,
    /// Luma 16 to 235, chroma 16 to 240.
    NESTLING_RANGE_LIMITED = 1,
}

/// A plane of an image, rows from top to bottom.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct nestling_plane {
    /// Its samples.
    pub bytes: *const u8,
    /// Bytes there.
    pub length: usize,
    /// Bytes from one row to the next. 0: rows without gaps.
    pub stride: u32,
}

/// An image of the caller: set all bytes to zero first. It is read during the call only.
#[repr(C)]
pub struct nestling_image {
    /// Columns of pixels, as they are stored.
    pub width: u32,
    /// Rows of pixels, as they are stored.
    pub height: u32,
    /// A `nestling_format`.
    pub format: u32,
    /// The turn that shows the picture upright, as EXIF and `CGImagePropertyOrientation` number it: 0 and 1 none, 6 a
    /// quarter clockwise (Android's 90 degrees), 3 a half (180), 8 three quarters (270); 2, 7, 4, 5 mirror too.
    pub orientation: u32,
    /// As many planes as the format has.
    pub planes: [nestling_plane; 3],
    /// Bytes from one chroma sample to the next, for `NESTLING_FORMAT_YUV_420_888` only.
    pub pixel_stride: u32,
    /// A `nestling_yuv_matrix`, for formats with chroma planes.
    pub matrix: u32,
    /// A `nestling_yuv_range`, for formats with chroma planes.
    pub range: u32,
}

/// A class that an image may belong to.
#[repr(C)]
pub struct nestling_guess {
    /// Its index; `nestling_get_label` gives its name.
    pub class_index: u32,
    /// Its probability, 0 to 1.
    pub score: f64,
}

/// How an image was classified.
#[repr(C)]
pub struct nestling_answer {
    /// Guesses that were written.
    pub count: usize,
    /// Index of the child that answered.
    pub child: u32,
    /// Time that the call took in ms.
    pub milliseconds: f64,
}

/// The share of runs that a budget limits.
#[repr(C)]
pub enum nestling_quantile {
    /// The median run.
    NESTLING_P50 = 50,
    /// Nine runs of ten.
    NESTLING_P90 = 90,
    /// Nineteen runs of twenty.
    NESTLING_P95 = 95,
}

/// A child that was chosen for a budget.
#[repr(C)]
pub struct nestling_choice {
    /// Index of the child; after `NESTLING_BELOW_FASTEST` that of the fastest one.
    pub child: u32,
    /// Index of the most accurate child that is predicted to be faster, or `NESTLING_NONE`.
    pub next_faster: u32,
    /// Index of the fastest child that is more accurate, or `NESTLING_NONE`.
    pub next_better: u32,
    /// Its predicted time in ms; NaN after `NESTLING_BELOW_FASTEST`.
    pub predicted_ms: f64,
    /// Its measured median time in ms.
    pub p50_ms: f64,
    /// The time in ms that 90 of 100 measured runs kept.
    pub p90_ms: f64,
    /// The time in ms that 95 of 100 measured runs kept.
    pub p95_ms: f64,
    /// Microseconds that the switch to it took.
    pub switch_us: f64,
}

/// The thermal state that the system reports.
#[repr(C)]
pub enum nestling_thermal_hint {
    /// The system does not tell.
    NESTLING_THERMAL_UNKNOWN = 0,
    /// Cool: iOS's `NSProcessInfoThermalStateNominal` (0).
    NESTLING_THERMAL_NOMINAL = 1,
    /// Warmer than that, and not slowed down: iOS's `Fair` (1).
    NESTLING_THERMAL_FAIR = 2,
    /// Hot, so that no larger child is taken: iOS's `Serious` (2).
    NESTLING_THERMAL_SERIOUS = 3,
    /// Slowed down, or about to be: a smaller child is taken at once. iOS's `Critical` (3).
    NESTLING_THERMAL_CRITICAL = 4,
}

/// A governor as it is now.
#[repr(C)]
pub struct nestling_governor {
    /// The limit in ms that 95 of 100 classifications should keep.
    pub limit_ms: f64,
    /// The time in ms that 95 of 100 of the last classifications kept; NaN while too few are known.
    pub p95_ms: f64,
    /// Index of the child that serves.
    pub child: u32,
    /// Whether even the fastest child breaks the limit.
    pub is_too_slow: bool,
}

/// Called from time to time during a measurement, on the thread that measures: `fraction` is done, 0 to 1. It must
/// return soon, must not leave by `longjmp` or an exception, and may classify and switch.
pub type nestling_progress = Option<unsafe extern "C" fn(fraction: f64, user: *mut c_void)>;
