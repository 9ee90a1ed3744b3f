//! Messages of the libraries name their API. Kotlin and Swift have options in its place.

/// A phrase of a library's message, and the same for an app. Longer phrases come before their parts.
const WORDS: [(&str, &str); 18] = [
    (
        "Install a Vulkan driver: on Debian and Ubuntu `mesa-vulkan-drivers` has the drivers of AMD, Intel and a software \
         adapter",
        "The system needs Metal or a driver for Vulkan",
    ),
    ("load with a smaller `RuntimeOptions::max_image_side`", "open with a smaller `maxImageSide`"),
    (", or raise `ContextOptions::largest_buffer` where the adapter has more", ""),
    ("more than `RuntimeOptions::max_madds` ", "more than "),
    ("`RuntimeOptions::max_image_side`", "`maxImageSide`"),
    ("shrink the image, or load with", "shrink the image, or open the runtime with"),
    ("drop a `PreparedChild`, or load with more `RuntimeOptions::spare_children`", "open another runtime"),
    ("set `RuntimeOptions::untrained`", "open with `untrained`"),
    ("`ContextOptions::timeout`", "`timeoutMs`"),
    ("; where the adapter offers it, `ContextOptions::use_f16` must be set", ""),
    ("Ask for one of the backends that it has in `ContextOptions::backends`", "Take a library for this system"),
    ("in `ContextOptions::adapter_name`", "in `adapter`"),
    ("`Arithmetic::F32`", "`arithmetic` F32"),
    ("`WeightStorage::F32`", "`weightStorage` F32"),
    (", and `PictureOptions::max_bytes` allows", " and may take"),
    ("bytes, which `PictureOptions::max_bytes` allows", "bytes"),
    ("; allow more, or shrink it", "; shrink it"),
    ("or drop its future; a progress", "or cancel it; a progress"),
];

/// A library's message in terms of an app.
pub fn in_apps(message: &str) -> String {
    WORDS.iter().fold(message.to_owned(), |message, (api, words)| message.replace(api, words))
}
