//! Messages of the libraries name their API. C has `nestling_options` in its place.

/// A phrase of a library's message, and the same for C. Longer phrases come before their parts.
const WORDS: [(&str, &str); 14] = [
    ("load with a smaller `RuntimeOptions::max_image_side`", "open with a smaller `max_image_side`"),
    (", or raise `ContextOptions::largest_buffer` where the adapter has more", ""),
    ("more than `RuntimeOptions::max_madds` ", "more than "),
    ("`RuntimeOptions::max_image_side`", "`max_image_side`"),
    ("shrink the image, or load with", "shrink the image, or open the runtime with"),
    ("drop a `PreparedChild`, or load with more `RuntimeOptions::spare_children`", "open another runtime"),
    ("set `RuntimeOptions::untrained`", "open with `untrained`"),
    ("`ContextOptions::timeout`", "`timeout_ms`"),
    ("; where the adapter offers it, `ContextOptions::use_f16` must be set", ""),
    ("Ask for one of the backends that it has in `ContextOptions::backends`", "Take a library for this system"),
    ("in `ContextOptions::adapter_name`", "in `adapter`"),
    ("`Arithmetic::F32`", "`NESTLING_ARITHMETIC_F32`"),
    ("`WeightStorage::F32`", "`NESTLING_STORAGE_F32`"),
    ("or drop its future; a progress", "or end it by its progress callback; a progress"),
];

/// A library's message in terms of the C interface.
pub fn in_c(message: &str) -> String {
    WORDS.iter().fold(message.to_owned(), |message, (api, words)| message.replace(api, words))
}
