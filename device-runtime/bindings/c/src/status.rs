//! The status of a call.

use std::ffi::CStr;

/// How a call ended. `nestling_status_name` gives the name of a status, and `nestling_last_error` the whole story.
///
/// From 100 on, a status stands for the SDK error of the same name. Numbers are never reused, and a later version may
/// return new ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum nestling_status {
    // This library itself.
    /// The call succeeded.
    NESTLING_OK = 0,
    /// A pointer is null that must not be.
    NESTLING_NULL_POINTER = 1,
    /// An index, a constant or a length is out of its range, or a pointer is not aligned.
    NESTLING_INVALID_ARGUMENT = 2,
    /// The text was cut off to fit the buffer: call again with a larger one.
    NESTLING_BUFFER_TOO_SHORT = 3,
    /// The handle was freed, or `nestling_open` never gave it.
    NESTLING_BAD_HANDLE = 4,
    /// A text is not UTF-8.
    NESTLING_NOT_UTF8 = 5,
    /// No governor is in charge: call `nestling_govern` first.
    NESTLING_NOT_GOVERNED = 6,
    /// A defect of the library: please report it with the text of the error.
    NESTLING_PANIC = 7,
    /// The SDK failed with an error that this version of the library has no constant for: read its text.
    NESTLING_UNKNOWN_ERROR = 8,
    // The GPU.
    /// No GPU adapter fits: install a driver, or name another adapter.
    NESTLING_NO_ADAPTER = 100,
    /// Several adapters have that name: give more of it, an index or the PCI bus id.
    NESTLING_AMBIGUOUS_ADAPTER = 101,
    /// The adapter refused to open: close other programs that use it.
    NESTLING_NO_DEVICE = 102,
    /// The adapter offers less than is needed.
    NESTLING_MISSING_LIMIT = 103,
    /// The GPU's memory is full: use a smaller supernet.
    NESTLING_OUT_OF_GPU_MEMORY = 104,
    /// The driver refused a call: update it, or choose another adapter.
    NESTLING_GPU_REFUSED = 105,
    /// The GPU device is gone: free the runtime and open it again.
    NESTLING_DEVICE_LOST = 106,
    /// The GPU did not answer in time: free the runtime and open it again, or raise `timeout_ms`.
    NESTLING_TIMEOUT = 107,
    /// The fast kernels could not be prepared: the fallback kernels go on answering.
    NESTLING_FAST_KERNELS = 108,
    /// The adapter does not compute in this arithmetic: use `NESTLING_ARITHMETIC_F32`.
    NESTLING_NO_ARITHMETIC = 109,
    /// The adapter fails a self-test: use f32, or update the driver.
    NESTLING_SELF_TEST = 110,
    // Loading.
    /// A layer or a buffer is beyond what the kernels can address: use a smaller supernet or image side.
    NESTLING_TOO_LARGE = 120,
    /// The weights do not belong to the space.
    NESTLING_WEIGHTS = 121,
    /// The preprocessing does not belong to the space.
    NESTLING_PREPROCESSING = 122,
    /// The bundle asks for more work than the app allows.
    NESTLING_TOO_MUCH_WORK = 123,
    // Children.
    /// No child of that name ships.
    NESTLING_UNKNOWN_CHILD = 130,
    /// Every slot holds a child that is in use.
    NESTLING_SLOTS_IN_USE = 131,
    /// Another runtime prepared the child.
    NESTLING_FOREIGN_CHILD = 132,
    /// The child was never trained: choose another, or set `untrained`.
    NESTLING_UNTRAINED = 133,
    /// No image to calibrate on.
    NESTLING_NO_IMAGES = 134,
    /// A calibration does not fit into the GPU's memory.
    NESTLING_CALIBRATION_MEMORY = 135,
    /// The child's weights have not arrived: wait for the rest of the bundle.
    NESTLING_NOT_ARRIVED = 136,
    // Inputs and answers.
    /// The image is larger than `max_image_side` allows: shrink it, or open with the side that the text names.
    NESTLING_IMAGE_TOO_LARGE = 140,
    /// The texture cannot be read as an image.
    NESTLING_TEXTURE = 141,
    /// The tensor is not the child's input.
    NESTLING_TENSOR = 142,
    /// The GPU returned something that is not a number: try another adapter.
    NESTLING_NOT_FINITE = 143,
    // Choosing.
    /// Another call measures or chooses on this runtime: wait until it returns. No progress callback may do either.
    NESTLING_BUSY = 150,
    /// Even the fastest child breaks the budget: allow more time. The active child stays.
    NESTLING_BELOW_FASTEST = 151,
    /// The budget is not a positive number of milliseconds.
    NESTLING_INVALID_BUDGET = 152,
    /// Another bundle than the runtime's.
    NESTLING_OTHER_BUNDLE = 153,
    /// The bundle lacks what judges children that do not ship.
    NESTLING_CANNOT_JUDGE = 154,
    // Bundles.
    /// The file cannot be read.
    NESTLING_BUNDLE_OPEN = 200,
    /// The file is empty.
    NESTLING_BUNDLE_EMPTY = 201,
    /// The file is of another kind.
    NESTLING_BUNDLE_NOT_A_BUNDLE = 202,
    /// The bundle's format is one that this version does not read.
    NESTLING_BUNDLE_VERSION = 203,
    /// The bundle needs something that only a newer version knows: update the library.
    NESTLING_BUNDLE_UNSUPPORTED = 204,
    /// The bundle was cut off: fetch it again.
    NESTLING_BUNDLE_TRUNCATED = 205,
    /// More bytes than the bundle has: fetch it again.
    NESTLING_BUNDLE_TOO_LONG = 206,
    /// A checksum does not match: fetch it again.
    NESTLING_BUNDLE_DAMAGED = 207,
    /// The file changed while it was read: open it again.
    NESTLING_BUNDLE_CHANGED = 208,
    /// Parts of the bundle contradict each other: pack it again.
    NESTLING_BUNDLE_INCONSISTENT = 209,
    /// The bundle's search space is impossible.
    NESTLING_BUNDLE_SPACE = 210,
    /// A name in the bundle is not allowed.
    NESTLING_BUNDLE_NAME = 211,
    /// A weight is beyond its storage.
    NESTLING_BUNDLE_WEIGHT_RANGE = 212,
    /// The bundle has no child of that name.
    NESTLING_BUNDLE_UNKNOWN_CHILD = 213,
    /// The bundle could not be written.
    NESTLING_BUNDLE_WRITE = 214,
    /// The bundle has not arrived as a whole: wait for the rest.
    NESTLING_BUNDLE_INCOMPLETE = 215,
    /// The bundle was not signed by whom the app trusts.
    NESTLING_BUNDLE_SIGNATURE = 216,
    // Profiles.
    /// The profile's file cannot be read: check its path and permissions.
    NESTLING_PROFILE_OPEN = 220,
    /// The file is of another kind and stays as it is: name another one.
    NESTLING_PROFILE_NOT_A_PROFILE = 221,
    /// The profile was cut off or changed.
    NESTLING_PROFILE_DAMAGED = 222,
    /// The profile has a format that this version does not read.
    NESTLING_PROFILE_VERSION = 223,
    /// A value of the profile is impossible.
    NESTLING_PROFILE_INCONSISTENT = 224,
    /// The profile could not be stored. It is in use all the same.
    NESTLING_PROFILE_WRITE = 225,
    /// The profile is of another device or driver: measure again.
    NESTLING_PROFILE_STALE_DEVICE = 226,
    /// The profile is of another network: measure again.
    NESTLING_PROFILE_STALE_NETWORK = 227,
    /// The profile is of other kernels: measure again.
    NESTLING_PROFILE_STALE_KERNELS = 228,
    /// The profile is of other tiles: measure again.
    NESTLING_PROFILE_STALE_TILES = 229,
    /// The profile is of other images: measure again.
    NESTLING_PROFILE_STALE_IMAGE_SIDE = 230,
    // Images.
    /// A side is below 2 or above 16,384 pixels.
    NESTLING_IMAGE_SIZE = 240,
    /// The plane has not exactly `width * height` pixels, and no stride was given.
    NESTLING_IMAGE_LENGTH = 241,
    /// The stride is shorter than a row.
    NESTLING_IMAGE_STRIDE = 242,
    /// A plane is too short.
    NESTLING_IMAGE_PLANE = 243,
    /// The pixel stride is zero.
    NESTLING_IMAGE_PIXEL_STRIDE = 244,
    /// The orientation is not one of EXIF's, 1 to 8.
    NESTLING_IMAGE_EXIF_ORIENTATION = 245,
    /// The angle is not a multiple of 90 degrees.
    NESTLING_IMAGE_ROTATION = 246,
    // Picture files, which this library does not read.
    /// The file cannot be read.
    NESTLING_PICTURE_OPEN = 260,
    /// The file is no JPEG, PNG or WebP.
    NESTLING_PICTURE_FORMAT = 261,
    /// The file was cut off.
    NESTLING_PICTURE_CUT_OFF = 262,
    /// The picture's size is impossible.
    NESTLING_PICTURE_SIZE = 263,
    /// The file is too small for its picture.
    NESTLING_PICTURE_IMPLAUSIBLE = 264,
    /// The picture is too large to decode.
    NESTLING_PICTURE_TOO_LARGE = 265,
    /// The file is too large to decode.
    NESTLING_PICTURE_FILE_TOO_LARGE = 266,
    /// The coding is one that is not read.
    NESTLING_PICTURE_UNSUPPORTED = 267,
    /// The file is damaged.
    NESTLING_PICTURE_DAMAGED = 268,
    // Spaces.
    /// The search space is impossible.
    NESTLING_INVALID_SPACE = 280,
    /// The space does not offer the child.
    NESTLING_CHILD_NOT_IN_SPACE = 281,
    /// The batch-norm statistics do not fit.
    NESTLING_INVALID_STATISTICS = 282,
    /// The text is not a child.
    NESTLING_INVALID_CHILD = 283,
    /// The number is not an expand ratio.
    NESTLING_INVALID_EXPAND_RATIO = 284,
    // The governor.
    /// No child to step among.
    NESTLING_GOVERNOR_NO_RUNG = 300,
    /// A child cannot be a rung.
    NESTLING_GOVERNOR_RUNG = 301,
    /// The ladder has no rung of that index.
    NESTLING_GOVERNOR_NO_SUCH_RUNG = 302,
    /// The limit is not a positive number of milliseconds.
    NESTLING_GOVERNOR_NO_DURATION = 303,
    /// The margin is not a part of the limit.
    NESTLING_GOVERNOR_MARGIN = 304,
    /// These misses can never occur.
    NESTLING_GOVERNOR_MISSES = 305,
    // Weights.
    /// A weight is beyond what the storage can hold: use f32.
    NESTLING_WEIGHT_OUT_OF_RANGE = 320,
    // The process.
    /// No memory was left for a part of a bundle or an answer.
    NESTLING_OUT_OF_MEMORY = 336,
}

use nestling_status::*;

/// Every status with its stable name.
pub const NAMES: [(nestling_status, &CStr); 97] = [
    (NESTLING_OK, c"ok"),
    (NESTLING_NULL_POINTER, c"null_pointer"),
    (NESTLING_INVALID_ARGUMENT, c"invalid_argument"),
    (NESTLING_BUFFER_TOO_SHORT, c"buffer_too_short"),
    (NESTLING_BAD_HANDLE, c"bad_handle"),
    (NESTLING_NOT_UTF8, c"not_utf8"),
    (NESTLING_NOT_GOVERNED, c"not_governed"),
    (NESTLING_PANIC, c"panic"),
    (NESTLING_UNKNOWN_ERROR, c"unknown_error"),
    (NESTLING_NO_ADAPTER, c"no_adapter"),
    (NESTLING_AMBIGUOUS_ADAPTER, c"ambiguous_adapter"),
    (NESTLING_NO_DEVICE, c"no_device"),
    (NESTLING_MISSING_LIMIT, c"missing_limit"),
    (NESTLING_OUT_OF_GPU_MEMORY, c"out_of_gpu_memory"),
    (NESTLING_GPU_REFUSED, c"gpu_refused"),
    (NESTLING_DEVICE_LOST, c"device_lost"),
    (NESTLING_TIMEOUT, c"timeout"),
    (NESTLING_FAST_KERNELS, c"fast_kernels"),
    (NESTLING_NO_ARITHMETIC, c"no_arithmetic"),
    (NESTLING_SELF_TEST, c"self_test"),
    (NESTLING_TOO_LARGE, c"too_large"),
    (NESTLING_WEIGHTS, c"weights"),
    (NESTLING_PREPROCESSING, c"preprocessing"),
    (NESTLING_TOO_MUCH_WORK, c"too_much_work"),
    (NESTLING_UNKNOWN_CHILD, c"unknown_child"),
    (NESTLING_SLOTS_IN_USE, c"slots_in_use"),
    (NESTLING_FOREIGN_CHILD, c"foreign_child"),
    (NESTLING_UNTRAINED, c"untrained"),
    (NESTLING_NO_IMAGES, c"no_images"),
    (NESTLING_CALIBRATION_MEMORY, c"calibration_memory"),
    (NESTLING_NOT_ARRIVED, c"not_arrived"),
    (NESTLING_IMAGE_TOO_LARGE, c"image_too_large"),
    (NESTLING_TEXTURE, c"texture"),
    (NESTLING_TENSOR, c"tensor"),
    (NESTLING_NOT_FINITE, c"not_finite"),
    (NESTLING_BUSY, c"busy"),
    (NESTLING_BELOW_FASTEST, c"below_fastest"),
    (NESTLING_INVALID_BUDGET, c"invalid_budget"),
    (NESTLING_OTHER_BUNDLE, c"other_bundle"),
    (NESTLING_CANNOT_JUDGE, c"cannot_judge"),
    (NESTLING_BUNDLE_OPEN, c"bundle_open"),
    (NESTLING_BUNDLE_EMPTY, c"bundle_empty"),
    (NESTLING_BUNDLE_NOT_A_BUNDLE, c"bundle_not_a_bundle"),
    (NESTLING_BUNDLE_VERSION, c"bundle_version"),
    (NESTLING_BUNDLE_UNSUPPORTED, c"bundle_unsupported"),
    (NESTLING_BUNDLE_TRUNCATED, c"bundle_truncated"),
    (NESTLING_BUNDLE_TOO_LONG, c"bundle_too_long"),
    (NESTLING_BUNDLE_DAMAGED, c"bundle_damaged"),
    (NESTLING_BUNDLE_CHANGED, c"bundle_changed"),
    (NESTLING_BUNDLE_INCONSISTENT, c"bundle_inconsistent"),
    (NESTLING_BUNDLE_SPACE, c"bundle_space"),
    (NESTLING_BUNDLE_NAME, c"bundle_name"),
    (NESTLING_BUNDLE_WEIGHT_RANGE, c"bundle_weight_range"),
    (NESTLING_BUNDLE_UNKNOWN_CHILD, c"bundle_unknown_child"),
    (NESTLING_BUNDLE_WRITE, c"bundle_write"),
    (NESTLING_BUNDLE_INCOMPLETE, c"bundle_incomplete"),
    (NESTLING_BUNDLE_SIGNATURE, c"bundle_signature"),
    (NESTLING_PROFILE_OPEN, c"profile_open"),
    (NESTLING_PROFILE_NOT_A_PROFILE, c"profile_not_a_profile"),
    (NESTLING_PROFILE_DAMAGED, c"profile_damaged"),
    (NESTLING_PROFILE_VERSION, c"profile_version"),
    (NESTLING_PROFILE_INCONSISTENT, c"profile_inconsistent"),
    (NESTLING_PROFILE_WRITE, c"profile_write"),
    (NESTLING_PROFILE_STALE_DEVICE, c"profile_stale_device"),
    (NESTLING_PROFILE_STALE_NETWORK, c"profile_stale_network"),
    (NESTLING_PROFILE_STALE_KERNELS, c"profile_stale_kernels"),
    (NESTLING_PROFILE_STALE_TILES, c"profile_stale_tiles"),
    (NESTLING_PROFILE_STALE_IMAGE_SIDE, c"profile_stale_image_side"),
    (NESTLING_IMAGE_SIZE, c"image_size"),
    (NESTLING_IMAGE_LENGTH, c"image_length"),
    (NESTLING_IMAGE_STRIDE, c"image_stride"),
    (NESTLING_IMAGE_PLANE, c"image_plane"),
    (NESTLING_IMAGE_PIXEL_STRIDE, c"image_pixel_stride"),
    (NESTLING_IMAGE_EXIF_ORIENTATION, c"image_exif_orientation"),
    (NESTLING_IMAGE_ROTATION, c"image_rotation"),
    (NESTLING_PICTURE_OPEN, c"picture_open"),
    (NESTLING_PICTURE_FORMAT, c"picture_format"),
    (NESTLING_PICTURE_CUT_OFF, c"picture_cut_off"),
    (NESTLING_PICTURE_SIZE, c"picture_size"),
    (NESTLING_PICTURE_IMPLAUSIBLE, c"picture_implausible"),
    (NESTLING_PICTURE_TOO_LARGE, c"picture_too_large"),
    (NESTLING_PICTURE_FILE_TOO_LARGE, c"picture_file_too_large"),
    (NESTLING_PICTURE_UNSUPPORTED, c"picture_unsupported"),
    (NESTLING_PICTURE_DAMAGED, c"picture_damaged"),
    (NESTLING_INVALID_SPACE, c"invalid_space"),
    (NESTLING_CHILD_NOT_IN_SPACE, c"child_not_in_space"),
    (NESTLING_INVALID_STATISTICS, c"invalid_statistics"),
    (NESTLING_INVALID_CHILD, c"invalid_child"),
    (NESTLING_INVALID_EXPAND_RATIO, c"invalid_expand_ratio"),
    (NESTLING_GOVERNOR_NO_RUNG, c"governor_no_rung"),
    (NESTLING_GOVERNOR_RUNG, c"governor_rung"),
    (NESTLING_GOVERNOR_NO_SUCH_RUNG, c"governor_no_such_rung"),
    (NESTLING_GOVERNOR_NO_DURATION, c"governor_no_duration"),
    (NESTLING_GOVERNOR_MARGIN, c"governor_margin"),
    (NESTLING_GOVERNOR_MISSES, c"governor_misses"),
    (NESTLING_WEIGHT_OUT_OF_RANGE, c"weight_out_of_range"),
    (NESTLING_OUT_OF_MEMORY, c"out_of_memory"),
];

impl nestling_status {
    /// The status of an SDK error with this code, if this version knows it.
    pub(crate) fn of_code(code: &str) -> Option<Self> {
        NAMES
            .iter()
            .find(|(status, name)| *status as u32 >= FIRST_OF_SDK && name.to_bytes() == code.as_bytes())
            .map(|one| one.0)
    }
}

/// The first number that stands for an error of the SDK.
pub const FIRST_OF_SDK: u32 = 100;
