/* Nestling's device runtime for C11 and C++17. The guide is docs/c.md.
 *
 * Written by cbindgen from the Rust sources; `NESTLING_BLESS=1 cargo test -p nestling-c --test header` writes it anew.
 *
 * Any thread may call any function. Every call that measures or chooses takes the runtime for itself: a second one, also
 * from a progress callback, returns NESTLING_BUSY at once. */

#ifndef NESTLING_H
#define NESTLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * Major version of this header.
 */
#define NESTLING_VERSION_MAJOR 0

/**
 * Minor version of this header. Before 1.0, libraries of another minor version have another interface.
 */
#define NESTLING_VERSION_MINOR 1

/**
 * Patch version of this header.
 */
#define NESTLING_VERSION_PATCH 0

/**
 * Stands for no child where the index of a child could be.
 */
#define NESTLING_NONE 4294967295

/**
 * Bytes of a child's name with its zero.
 */
#define NESTLING_NAME_BYTES 256

/**
 * How a call ended. `nestling_status_name` gives the name of a status, and `nestling_last_error` the whole story.
 *
 * From 100 on, a status stands for the SDK error of the same name. Numbers are never reused, and a later version may
 * return new ones.
 */
typedef enum {
    /**
     * The call succeeded.
     */
    NESTLING_OK = 0,
    /**
     * A pointer is null that must not be.
     */
    NESTLING_NULL_POINTER = 1,
    /**
     * An index, a constant or a length is out of its range, or a pointer is not aligned.
     */
    NESTLING_INVALID_ARGUMENT = 2,
    /**
     * The text was cut off to fit the buffer: call again with a larger one.
     */
    NESTLING_BUFFER_TOO_SHORT = 3,
    /**
     * The handle was freed, or `nestling_open` never gave it.
     */
    NESTLING_BAD_HANDLE = 4,
    /**
     * A text is not UTF-8.
     */
    NESTLING_NOT_UTF8 = 5,
    /**
     * No governor is in charge: call `nestling_govern` first.
     */
    NESTLING_NOT_GOVERNED = 6,
    /**
     * A defect of the library: please report it with the text of the error.
     */
    NESTLING_PANIC = 7,
    /**
     * The SDK failed with an error that this version of the library has no constant for: read its text.
     */
    NESTLING_UNKNOWN_ERROR = 8,
    /**
     * No GPU adapter fits: install a driver, or name another adapter.
     */
    NESTLING_NO_ADAPTER = 100,
    /**
     * Several adapters have that name: give more of it, an index or the PCI bus id.
     */
    NESTLING_AMBIGUOUS_ADAPTER = 101,
    /**
     * The adapter refused to open: close other programs that use it.
     */
    NESTLING_NO_DEVICE = 102,
    /**
     * The adapter offers less than is needed.
     */
    NESTLING_MISSING_LIMIT = 103,
    /**
     * The GPU's memory is full: use a smaller supernet.
     */
    NESTLING_OUT_OF_GPU_MEMORY = 104,
    /**
     * The driver refused a call: update it, or choose another adapter.
     */
    NESTLING_GPU_REFUSED = 105,
    /**
     * The GPU device is gone: free the runtime and open it again.
     */
    NESTLING_DEVICE_LOST = 106,
    /**
     * The GPU did not answer in time: free the runtime and open it again, or raise `timeout_ms`.
     */
    NESTLING_TIMEOUT = 107,
    /**
     * The fast kernels could not be prepared: the fallback kernels go on answering.
     */
    NESTLING_FAST_KERNELS = 108,
    /**
     * The adapter does not compute in this arithmetic: use `NESTLING_ARITHMETIC_F32`.
     */
    NESTLING_NO_ARITHMETIC = 109,
    /**
     * The adapter fails a self-test: use f32, or update the driver.
     */
    NESTLING_SELF_TEST = 110,
    /**
     * A layer or a buffer is beyond what the kernels can address: use a smaller supernet or image side.
     */
    NESTLING_TOO_LARGE = 120,
    /**
     * The weights do not belong to the space.
     */
    NESTLING_WEIGHTS = 121,
    /**
     * The preprocessing does not belong to the space.
     */
    NESTLING_PREPROCESSING = 122,
    /**
     * The bundle asks for more work than the app allows.
     */
    NESTLING_TOO_MUCH_WORK = 123,
    /**
     * No child of that name ships.
     */
    NESTLING_UNKNOWN_CHILD = 130,
    /**
     * Every slot holds a child that is in use.
     */
    NESTLING_SLOTS_IN_USE = 131,
    /**
     * Another runtime prepared the child.
     */
    NESTLING_FOREIGN_CHILD = 132,
    /**
     * The child was never trained: choose another, or set `untrained`.
     */
    NESTLING_UNTRAINED = 133,
    /**
     * No image to calibrate on.
     */
    NESTLING_NO_IMAGES = 134,
    /**
     * A calibration does not fit into the GPU's memory.
     */
    NESTLING_CALIBRATION_MEMORY = 135,
    /**
     * The child's weights have not arrived: wait for the rest of the bundle.
     */
    NESTLING_NOT_ARRIVED = 136,
    /**
     * The image is larger than `max_image_side` allows: shrink it, or open with the side that the text names.
     */
    NESTLING_IMAGE_TOO_LARGE = 140,
    /**
     * The texture cannot be read as an image.
     */
    NESTLING_TEXTURE = 141,
    /**
     * The tensor is not the child's input.
     */
    NESTLING_TENSOR = 142,
    /**
     * The GPU returned something that is not a number: try another adapter.
     */
    NESTLING_NOT_FINITE = 143,
    /**
     * Another call measures or chooses on this runtime: wait until it returns. No progress callback may do either.
     */
    NESTLING_BUSY = 150,
    /**
     * Even the fastest child breaks the budget: allow more time. The active child stays.
     */
    NESTLING_BELOW_FASTEST = 151,
    /**
     * The budget is not a positive number of milliseconds.
     */
    NESTLING_INVALID_BUDGET = 152,
    /**
     * Another bundle than the runtime's.
     */
    NESTLING_OTHER_BUNDLE = 153,
    /**
     * The bundle lacks what judges children that do not ship.
     */
    NESTLING_CANNOT_JUDGE = 154,
    /**
     * The file cannot be read.
     */
    NESTLING_BUNDLE_OPEN = 200,
    /**
     * The file is empty.
     */
    NESTLING_BUNDLE_EMPTY = 201,
    /**
     * The file is of another kind.
     */
    NESTLING_BUNDLE_NOT_A_BUNDLE = 202,
    /**
     * The bundle's format is one that this version does not read.
     */
    NESTLING_BUNDLE_VERSION = 203,
    /**
     * The bundle needs something that only a newer version knows: update the library.
     */
    NESTLING_BUNDLE_UNSUPPORTED = 204,
    /**
     * The bundle was cut off: fetch it again.
     */
    NESTLING_BUNDLE_TRUNCATED = 205,
    /**
     * More bytes than the bundle has: fetch it again.
     */
    NESTLING_BUNDLE_TOO_LONG = 206,
    /**
     * A checksum does not match: fetch it again.
     */
    NESTLING_BUNDLE_DAMAGED = 207,
    /**
     * The file changed while it was read: open it again.
     */
    NESTLING_BUNDLE_CHANGED = 208,
    /**
     * Parts of the bundle contradict each other: pack it again.
     */
    NESTLING_BUNDLE_INCONSISTENT = 209,
    /**
     * The bundle's search space is impossible.
     */
    NESTLING_BUNDLE_SPACE = 210,
    /**
     * A name in the bundle is not allowed.
     */
    NESTLING_BUNDLE_NAME = 211,
    /**
     * A weight is beyond its storage.
     */
    NESTLING_BUNDLE_WEIGHT_RANGE = 212,
    /**
     * The bundle has no child of that name.
     */
    NESTLING_BUNDLE_UNKNOWN_CHILD = 213,
    /**
     * The bundle could not be written.
     */
    NESTLING_BUNDLE_WRITE = 214,
    /**
     * The bundle has not arrived as a whole: wait for the rest.
     */
    NESTLING_BUNDLE_INCOMPLETE = 215,
    /**
     * The bundle was not signed by whom the app trusts.
     */
    NESTLING_BUNDLE_SIGNATURE = 216,
    /**
     * The profile's file cannot be read: check its path and permissions.
     */
    NESTLING_PROFILE_OPEN = 220,
    /**
     * The file is of another kind and stays as it is: name another one.
     */
    NESTLING_PROFILE_NOT_A_PROFILE = 221,
    /**
     * The profile was cut off or changed.
     */
    NESTLING_PROFILE_DAMAGED = 222,
    /**
     * The profile has a format that this version does not read.
     */
    NESTLING_PROFILE_VERSION = 223,
    /**
     * A value of the profile is impossible.
     */
    NESTLING_PROFILE_INCONSISTENT = 224,
    /**
     * The profile could not be stored. It is in use all the same.
     */
    NESTLING_PROFILE_WRITE = 225,
    /**
     * The profile is of another device or driver: measure again.
     */
    NESTLING_PROFILE_STALE_DEVICE = 226,
    /**
     * The profile is of another network: measure again.
     */
    NESTLING_PROFILE_STALE_NETWORK = 227,
    /**
     * The profile is of other kernels: measure again.
     */
    NESTLING_PROFILE_STALE_KERNELS = 228,
    /**
     * The profile is of other tiles: measure again.
     */
    NESTLING_PROFILE_STALE_TILES = 229,
    /**
     * The profile is of other images: measure again.
     */
    NESTLING_PROFILE_STALE_IMAGE_SIDE = 230,
    /**
     * A side is below 2 or above 16,384 pixels.
     */
    NESTLING_IMAGE_SIZE = 240,
    /**
     * The plane has not exactly `width * height` pixels, and no stride was given.
     */
    NESTLING_IMAGE_LENGTH = 241,
    /**
     * The stride is shorter than a row.
     */
    NESTLING_IMAGE_STRIDE = 242,
    /**
     * A plane is too short.
     */
    NESTLING_IMAGE_PLANE = 243,
    /**
     * The pixel stride is zero.
     */
    NESTLING_IMAGE_PIXEL_STRIDE = 244,
    /**
     * The orientation is not one of EXIF's, 1 to 8.
     */
    NESTLING_IMAGE_EXIF_ORIENTATION = 245,
    /**
     * The angle is not a multiple of 90 degrees.
     */
    NESTLING_IMAGE_ROTATION = 246,
    /**
     * The file cannot be read.
     */
    NESTLING_PICTURE_OPEN = 260,
    /**
     * The file is no JPEG, PNG or WebP.
     */
    NESTLING_PICTURE_FORMAT = 261,
    /**
     * The file was cut off.
     */
    NESTLING_PICTURE_CUT_OFF = 262,
    /**
     * The picture's size is impossible.
     */
    NESTLING_PICTURE_SIZE = 263,
    /**
     * The file is too small for its picture.
     */
    NESTLING_PICTURE_IMPLAUSIBLE = 264,
    /**
     * The picture is too large to decode.
     */
    NESTLING_PICTURE_TOO_LARGE = 265,
    /**
     * The file is too large to decode.
     */
    NESTLING_PICTURE_FILE_TOO_LARGE = 266,
    /**
     * The coding is one that is not read.
     */
    NESTLING_PICTURE_UNSUPPORTED = 267,
    /**
     * The file is damaged.
     */
    NESTLING_PICTURE_DAMAGED = 268,
    /**
     * The search space is impossible.
     */
    NESTLING_INVALID_SPACE = 280,
    /**
     * The space does not offer the child.
     */
    NESTLING_CHILD_NOT_IN_SPACE = 281,
    /**
     * The batch-norm statistics do not fit.
     */
    NESTLING_INVALID_STATISTICS = 282,
    /**
     * The text is not a child.
     */
    NESTLING_INVALID_CHILD = 283,
    /**
     * The number is not an expand ratio.
     */
    NESTLING_INVALID_EXPAND_RATIO = 284,
    /**
     * No child to step among.
     */
    NESTLING_GOVERNOR_NO_RUNG = 300,
    /**
     * A child cannot be a rung.
     */
    NESTLING_GOVERNOR_RUNG = 301,
    /**
     * The ladder has no rung of that index.
     */
    NESTLING_GOVERNOR_NO_SUCH_RUNG = 302,
    /**
     * The limit is not a positive number of milliseconds.
     */
    NESTLING_GOVERNOR_NO_DURATION = 303,
    /**
     * The margin is not a part of the limit.
     */
    NESTLING_GOVERNOR_MARGIN = 304,
    /**
     * These misses can never occur.
     */
    NESTLING_GOVERNOR_MISSES = 305,
    /**
     * A weight is beyond what the storage can hold: use f32.
     */
    NESTLING_WEIGHT_OUT_OF_RANGE = 320,
    /**
     * No memory was left for a part of a bundle or an answer.
     */
    NESTLING_OUT_OF_MEMORY = 336,
} nestling_status;

/**
 * Storages of the shared weights on the GPU.
 */
typedef enum {
    /**
     * As in the bundle; f32 on an adapter that fails its self-test.
     */
    NESTLING_STORAGE_OF_BUNDLE = 0,
    /**
     * 4 bytes a weight.
     */
    NESTLING_STORAGE_F32 = 1,
    /**
     * 2 bytes a weight.
     */
    NESTLING_STORAGE_F16 = 2,
    /**
     * 1 byte a weight.
     */
    NESTLING_STORAGE_INT8 = 3,
} nestling_weight_storage;

/**
 * Number types of products.
 */
typedef enum {
    /**
     * 32-bit floats.
     */
    NESTLING_ARITHMETIC_F32 = 0,
    /**
     * 16-bit floats, where the adapter offers them and passes a self-test.
     */
    NESTLING_ARITHMETIC_F16 = 1,
} nestling_arithmetic;

/**
 * Orders of an image's samples.
 */
typedef enum {
    /**
     * One plane, one byte a pixel.
     */
    NESTLING_FORMAT_GREY8 = 0,
    /**
     * One plane; red, green, blue, alpha (ignored).
     */
    NESTLING_FORMAT_RGBA8 = 1,
    /**
     * One plane; blue, green, red, alpha (ignored): iOS's `kCVPixelFormatType_32BGRA`.
     */
    NESTLING_FORMAT_BGRA8 = 2,
    /**
     * One plane; red, green, blue.
     */
    NESTLING_FORMAT_RGB8 = 3,
    /**
     * Two planes: luma; cb and cr in turns at half the rows and columns, rounded up.
     */
    NESTLING_FORMAT_NV12 = 4,
    /**
     * As NV12, but cr comes before cb.
     */
    NESTLING_FORMAT_NV21 = 5,
    /**
     * Three planes: luma, cb, cr; chroma at half the rows and columns, rounded up.
     */
    NESTLING_FORMAT_I420 = 6,
    /**
     * Android's `YUV_420_888`: as I420, with chroma samples that are `pixel_stride` bytes apart.
     */
    NESTLING_FORMAT_YUV_420_888 = 7,
} nestling_format;

/**
 * Weights of red, green and blue in luma.
 */
typedef enum {
    /**
     * Standard definition and JPEG.
     */
    NESTLING_MATRIX_BT601 = 0,
    /**
     * High definition.
     */
    NESTLING_MATRIX_BT709 = 1,
} nestling_yuv_matrix;

/**
 * The values that samples of luma and chroma use.
 */
typedef enum {
    /**
     * 0 to 255.
     */
    NESTLING_RANGE_FULL = 0,
    /**
     * Luma 16 to 235, chroma 16 to 240.
     */
    NESTLING_RANGE_LIMITED = 1,
} nestling_yuv_range;

/**
 * The share of runs that a budget limits.
 */
typedef enum {
    /**
     * The median run.
     */
    NESTLING_P50 = 50,
    /**
     * Nine runs of ten.
     */
    NESTLING_P90 = 90,
    /**
     * Nineteen runs of twenty.
     */
    NESTLING_P95 = 95,
} nestling_quantile;

/**
 * The thermal state that the system reports.
 */
typedef enum {
    /**
     * The system does not tell.
     */
    NESTLING_THERMAL_UNKNOWN = 0,
    /**
     * Cool: iOS's `NSProcessInfoThermalStateNominal` (0).
     */
    NESTLING_THERMAL_NOMINAL = 1,
    /**
     * Warmer than that, and not slowed down: iOS's `Fair` (1).
     */
    NESTLING_THERMAL_FAIR = 2,
    /**
     * Hot, so that no larger child is taken: iOS's `Serious` (2).
     */
    NESTLING_THERMAL_SERIOUS = 3,
    /**
     * Slowed down, or about to be: a smaller child is taken at once. iOS's `Critical` (3).
     */
    NESTLING_THERMAL_CRITICAL = 4,
} nestling_thermal_hint;

/**
 * A bundle on a GPU. Only the library knows its contents.
 */
typedef struct nestling_runtime nestling_runtime;

/**
 * Options of a runtime. A zero, or a null pointer, takes the default: set all bytes to zero first.
 */
typedef struct {
    /**
     * A part of the adapter's name, its index or its PCI bus id. Null leaves the choice to the system.
     */
    const char *adapter;
    /**
     * Folder of this app in which compiled pipelines are kept for the next start, on Vulkan. Null keeps none.
     */
    const char *pipeline_cache;
    /**
     * Largest side of an image's centre square in pixels: 1080 by default.
     */
    uint32_t max_image_side;
    /**
     * Side of the square images that times are measured with: by default the largest that the network reads.
     */
    uint32_t image_side;
    /**
     * Classifications that may be on their way at the same time: 4 by default.
     */
    uint32_t answers_in_flight;
    /**
     * Milliseconds that any wait for the GPU may last: 30,000 by default.
     */
    uint32_t timeout_ms;
    /**
     * A `nestling_weight_storage`.
     */
    uint32_t weight_storage;
    /**
     * A `nestling_arithmetic`.
     */
    uint32_t arithmetic;
    /**
     * Not 0: take a software adapter.
     */
    uint32_t force_software;
    /**
     * Not 0: children that were never trained may be chosen and answer. Their times are true, their answers are noise.
     */
    uint32_t untrained;
} nestling_options;

/**
 * Facts of a runtime.
 */
typedef struct {
    /**
     * Classes of the bundle.
     */
    uint32_t classes;
    /**
     * Children that ship.
     */
    uint32_t children;
    /**
     * Whether the adapter is software on the CPU.
     */
    bool is_software;
    /**
     * Whether a device profile is in use: without one, the first choice measures one.
     */
    bool has_profile;
} nestling_facts;

/**
 * Facts of a child that ships. Children are counted from 0, the one with the fewest multiply-adds first.
 */
typedef struct {
    /**
     * Its name in the bundle, with a zero behind it.
     */
    char name[NESTLING_NAME_BYTES];
    /**
     * Multiply-adds of one picture.
     */
    uint64_t madds;
    /**
     * Weights that it uses.
     */
    uint64_t parameters;
    /**
     * Side of its input in pixels.
     */
    uint32_t resolution;
    /**
     * Whether it may be chosen and answer: it was trained, or the options allow untrained children.
     */
    bool may_answer;
    /**
     * Share of right answers on held-out pictures in percent; NaN if it was not measured.
     */
    double accuracy_percent;
    /**
     * Its median time in ms in the device profile; NaN if it was not measured.
     */
    double p50_ms;
    /**
     * The time that 90 of 100 runs keep, in ms; NaN if it was not measured.
     */
    double p90_ms;
    /**
     * The time that 95 of 100 runs keep, in ms; NaN if it was not measured.
     */
    double p95_ms;
} nestling_child;

/**
 * Called from time to time during a measurement, on the thread that measures: `fraction` is done, 0 to 1. It must
 * return soon, must not leave by `longjmp` or an exception, and may classify and switch.
 */
typedef void (*nestling_progress)(double fraction, void *user);

/**
 * A child that was chosen for a budget.
 */
typedef struct {
    /**
     * Index of the child; after `NESTLING_BELOW_FASTEST` that of the fastest one.
     */
    uint32_t child;
    /**
     * Index of the most accurate child that is predicted to be faster, or `NESTLING_NONE`.
     */
    uint32_t next_faster;
    /**
     * Index of the fastest child that is more accurate, or `NESTLING_NONE`.
     */
    uint32_t next_better;
    /**
     * Its predicted time in ms; NaN after `NESTLING_BELOW_FASTEST`.
     */
    double predicted_ms;
    /**
     * Its measured median time in ms.
     */
    double p50_ms;
    /**
     * The time in ms that 90 of 100 measured runs kept.
     */
    double p90_ms;
    /**
     * The time in ms that 95 of 100 measured runs kept.
     */
    double p95_ms;
    /**
     * Microseconds that the switch to it took.
     */
    double switch_us;
} nestling_choice;

/**
 * A plane of an image, rows from top to bottom.
 */
typedef struct {
    /**
     * Its samples.
     */
    const uint8_t *bytes;
    /**
     * Bytes there.
     */
    size_t length;
    /**
     * Bytes from one row to the next. 0: rows without gaps.
     */
    uint32_t stride;
} nestling_plane;

/**
 * An image of the caller: set all bytes to zero first. It is read during the call only.
 */
typedef struct {
    /**
     * Columns of pixels, as they are stored.
     */
    uint32_t width;
    /**
     * Rows of pixels, as they are stored.
     */
    uint32_t height;
    /**
     * A `nestling_format`.
     */
    uint32_t format;
    /**
     * The turn that shows the picture upright, as EXIF and `CGImagePropertyOrientation` number it: 0 and 1 none, 6 a
     * quarter clockwise (Android's 90 degrees), 3 a half (180), 8 three quarters (270); 2, 7, 4, 5 mirror too.
     */
    uint32_t orientation;
    /**
     * As many planes as the format has.
     */
    nestling_plane planes[3];
    /**
     * Bytes from one chroma sample to the next, for `NESTLING_FORMAT_YUV_420_888` only.
     */
    uint32_t pixel_stride;
    /**
     * A `nestling_yuv_matrix`, for formats with chroma planes.
     */
    uint32_t matrix;
    /**
     * A `nestling_yuv_range`, for formats with chroma planes.
     */
    uint32_t range;
} nestling_image;

/**
 * A class that an image may belong to.
 */
typedef struct {
    /**
     * Its index; `nestling_get_label` gives its name.
     */
    uint32_t class_index;
    /**
     * Its probability, 0 to 1.
     */
    double score;
} nestling_guess;

/**
 * How an image was classified.
 */
typedef struct {
    /**
     * Guesses that were written.
     */
    size_t count;
    /**
     * Index of the child that answered.
     */
    uint32_t child;
    /**
     * Time that the call took in ms.
     */
    double milliseconds;
} nestling_answer;

/**
 * A governor as it is now.
 */
typedef struct {
    /**
     * The limit in ms that 95 of 100 classifications should keep.
     */
    double limit_ms;
    /**
     * The time in ms that 95 of 100 of the last classifications kept; NaN while too few are known.
     */
    double p95_ms;
    /**
     * Index of the child that serves.
     */
    uint32_t child;
    /**
     * Whether even the fastest child breaks the limit.
     */
    bool is_too_slow;
} nestling_governor;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * Opens a bundle, a GPU and a runtime on it: verifies the bundle, uploads its weights once and makes every child ready.
 * The file is not needed afterwards. Takes up to a second, so call it outside of the main thread.
 *
 * `path` is UTF-8; elsewhere than on Windows it may be any bytes. `options` may be null. `*runtime` is the handle to
 * free with `nestling_free`, or null after a failure.
 *
 * # Safety
 * `path` and the texts of `options` end with a zero; `options` and `runtime` point to what their types say.
 */
nestling_status nestling_open(const char *path, const nestling_options *options, nestling_runtime **runtime);

/**
 * As `nestling_open`, from the bytes of a bundle, as an Android asset or a network gives them. They are not needed
 * afterwards.
 *
 * # Safety
 * As of `nestling_open`, and `bytes` points to `length` bytes.
 */
nestling_status nestling_open_bytes(const uint8_t *bytes,
                                    size_t length,
                                    const nestling_options *options,
                                    nestling_runtime **runtime);

/**
 * Frees a runtime. Calls of other threads that have begun end as usual, and the last of them frees the memory. Null is
 * allowed. A handle that was freed before gives `NESTLING_BAD_HANDLE`. Free every runtime before the process ends.
 */
nestling_status nestling_free(nestling_runtime *runtime);

/**
 * Writes how many classes and children there are, and where they run.
 *
 * # Safety
 * `facts` points to memory for its type.
 */
nestling_status nestling_get_facts(const nestling_runtime *runtime, nestling_facts *facts);

/**
 * Writes the adapter in words: its name, kind, backend, driver and the features that are used.
 *
 * Like all texts it ends with a zero; `*length` is its length without that, and may be null. If the buffer is too
 * short it gets the beginning, and the status is `NESTLING_BUFFER_TOO_SHORT`. A null buffer of capacity 0 only asks
 * for the length.
 *
 * # Safety
 * `buffer` points to `capacity` bytes, or is null; `length` points to a number, or is null.
 */
nestling_status nestling_get_adapter(const nestling_runtime *runtime, char *buffer, size_t capacity, size_t *length);

/**
 * Writes a line for each kernel that this device gets wrong, with the one that runs in its place, as
 * `nestling_get_adapter` writes a text. The text is empty on most devices. Answers are right either way.
 *
 * # Safety
 * As of `nestling_get_adapter`.
 */
nestling_status nestling_get_replaced(const nestling_runtime *runtime, char *buffer, size_t capacity, size_t *length);

/**
 * Writes the name of a class, as `nestling_get_adapter` writes a text.
 *
 * # Safety
 * As of `nestling_get_adapter`.
 */
nestling_status nestling_get_label(const nestling_runtime *runtime,
                                   uint32_t class_index,
                                   char *buffer,
                                   size_t capacity,
                                   size_t *length);

/**
 * Writes what is known of a child.
 *
 * # Safety
 * `child` points to memory for its type.
 */
nestling_status nestling_get_child(const nestling_runtime *runtime, uint32_t index, nestling_child *child);

/**
 * Takes the device profile of a file, or measures this device for about two seconds and stores the profile there.
 *
 * `path` may be null: nothing is read or stored. A file that is missing, damaged, stale or of another format is
 * replaced, and the old one is kept with `.old` behind its name; a file of another kind is refused
 * (`NESTLING_PROFILE_NOT_A_PROFILE`). Where a profile is in use already, it is only stored: choices refine it, so call
 * this once more when the app closes.
 *
 * `progress` may be null; `user` is passed on to it. `*measured` says whether the device was measured, and may be null.
 * Other threads should not classify during a measurement.
 *
 * # Safety
 * `path` ends with a zero, `measured` points to memory for a `bool`, and `progress` may be called with `user`.
 */
nestling_status nestling_ensure_profile(const nestling_runtime *runtime,
                                        const char *path,
                                        nestling_progress progress,
                                        void *user,
                                        bool *measured);

/**
 * The most accurate child that keeps within `limit_ms` milliseconds on this device; it becomes the active one, and a
 * governor's charge ends. `quantile` is a `nestling_quantile`.
 *
 * Takes a profile of the device first if there is none (`nestling_ensure_profile`); then some tens of milliseconds.
 * After `NESTLING_BELOW_FASTEST`, `choice` holds the fastest child and its times, and the active child stays.
 *
 * # Safety
 * `choice` points to memory for its type.
 */
nestling_status nestling_choose(const nestling_runtime *runtime,
                                double limit_ms,
                                uint32_t quantile,
                                nestling_choice *choice);

/**
 * Classifies an image and writes the most probable classes, at most `capacity` (1 or more) and no more than there are,
 * the most probable one first. Without a governor the active child answers, with one that of the governor, which takes
 * the time into account.
 *
 * `answer` may be null. Blocks until the GPU has answered; any number of threads may classify at once.
 *
 * # Safety
 * `image` points to an image whose planes have the lengths that it says, `guesses` to memory for `capacity` guesses,
 * and `answer` to memory for its type.
 */
nestling_status nestling_classify(const nestling_runtime *runtime,
                                  const nestling_image *image,
                                  nestling_guess *guesses,
                                  size_t capacity,
                                  nestling_answer *answer);

/**
 * Makes another child the active one, in microseconds: nothing is copied or compiled. A governor's charge ends.
 *
 * `microseconds` may be null. Classifications that have begun end with the old child.
 *
 * # Safety
 * `microseconds` points to memory for a number.
 */
nestling_status nestling_switch_to(const nestling_runtime *runtime, uint32_t index, double *microseconds);

/**
 * Writes the index of the child that answers now.
 *
 * # Safety
 * `index` points to memory for a number.
 */
nestling_status nestling_get_active_child(const nestling_runtime *runtime, uint32_t *index);

/**
 * Puts a governor in charge: from now on `nestling_classify` switches by itself, so that 95 of 100 classifications keep
 * within `limit_ms` milliseconds. Where one is in charge already, it gets the new limit.
 *
 * Takes a profile of the device first if there is none (`nestling_ensure_profile`). A limit that no child keeps is no
 * error: `nestling_get_governor` says so. `nestling_switch_to` and `nestling_choose` end its charge.
 */
nestling_status nestling_govern(const nestling_runtime *runtime, double limit_ms);

/**
 * Tells the governor the thermal state that the system reports, a `nestling_thermal_hint`; it holds until the next
 * call, also for a governor that comes later.
 */
nestling_status nestling_set_thermal_hint(const nestling_runtime *runtime, uint32_t hint);

/**
 * The `nestling_thermal_hint` of Android's `AThermal_getThermalHeadroom`, where 1.0 is severe throttling.
 */
uint32_t nestling_thermal_hint_of_headroom(float headroom);

/**
 * Writes the governor's limit, its times and its child; `NESTLING_NOT_GOVERNED` if none is in charge.
 *
 * # Safety
 * `governor` points to memory for its type.
 */
nestling_status nestling_get_governor(const nestling_runtime *runtime, nestling_governor *governor);

/**
 * Writes the text of this thread's last failure: the fault, its place and the remedy. As `nestling_get_adapter` writes
 * a text, but no failure of this function replaces it. Successful calls keep it too.
 *
 * # Safety
 * As of `nestling_get_adapter`.
 */
nestling_status nestling_last_error(char *buffer, size_t capacity, size_t *length);

/**
 * The stable name of a status, in snake case: that of an SDK error is its code. "unknown" for any other number. Never
 * null; not to be freed.
 */
const char *nestling_status_name(int status);

/**
 * The version of the library, such as "0.1.0"; that of the header is `NESTLING_VERSION_MAJOR` and so on. Never null;
 * not to be freed.
 */
const char *nestling_version(void);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* NESTLING_H */
