//! Messages of the libraries name their API. Python has arguments in its place.

/// A phrase of a library's message, and the same for Python. Longer phrases come before their parts.
const WORDS: [(&str, &str); 17] = [
    ("load with a smaller `RuntimeOptions::max_image_side`", "open with a smaller `max_image_side`"),
    (", or raise `ContextOptions::largest_buffer` where the adapter has more", ""),
    ("more than `RuntimeOptions::max_madds` ", "more than "),
    ("`RuntimeOptions::max_image_side`", "`max_image_side`"),
    ("shrink the image, or load with", "shrink the image, or open the runtime with"),
    ("drop a `PreparedChild`, or load with more `RuntimeOptions::spare_children`", "open another runtime"),
    ("set `RuntimeOptions::untrained`", "open with `untrained=True`"),
    ("`ContextOptions::timeout`", "`timeout_s`"),
    ("; where the adapter offers it, `ContextOptions::use_f16` must be set", ""),
    ("Ask for one of the backends that it has in `ContextOptions::backends`", "Install a wheel for this system"),
    ("in `ContextOptions::adapter_name`", "in `adapter`"),
    ("`Arithmetic::F32`", "`arithmetic=\"f32\"`"),
    ("`WeightStorage::F32`", "`weight_storage=\"f32\"`"),
    (", and `PictureOptions::max_bytes` allows", " and may take"),
    ("bytes, which `PictureOptions::max_bytes` allows", "bytes"),
    ("; allow more, or shrink it", "; shrink it"),
    ("or drop its future; a progress", "or end it by an exception of its progress callback; a progress"),
];

/// A library's message in terms of the Python package.
pub fn in_python(message: &str) -> String {
    WORDS.iter().fold(message.to_owned(), |message, (api, words)| message.replace(api, words))
}
