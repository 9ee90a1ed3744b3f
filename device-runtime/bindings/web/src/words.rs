//! Messages of the libraries name their API. JavaScript has options in its place.

/// A phrase of a library's message, and the same for a page. Longer phrases come before their parts.
const WORDS: [(&str, &str); 21] = [
    (
        "Install a Vulkan driver: on Debian and Ubuntu `mesa-vulkan-drivers` has the drivers of AMD, Intel and a software \
         adapter",
        "Turn on hardware acceleration in the browser's settings, or open the page in another browser",
    ),
    ("load with a smaller `RuntimeOptions::max_image_side`", "open with a smaller `maxImageSide`"),
    (", or raise `ContextOptions::largest_buffer` where the adapter has more", ""),
    ("more than `RuntimeOptions::max_madds` ", "more than "),
    ("`RuntimeOptions::max_image_side`", "`maxImageSide`"),
    ("shrink the image, or load with", "shrink the image, or open the bundle with"),
    ("drop a `PreparedChild`, or load with more `RuntimeOptions::spare_children`", "open another runtime"),
    ("set `RuntimeOptions::untrained`", "open with `untrained: true`"),
    ("raise `ContextOptions::timeout`", "open with a larger `timeoutMs`"),
    ("; where the adapter offers it, `ContextOptions::use_f16` must be set", ""),
    ("Ask for one of the backends that it has in `ContextOptions::backends`", "Open the page in another browser"),
    ("Give more of the name, the index or the PCI bus id in `ContextOptions::adapter_name`", "Open it again"),
    ("`Arithmetic::F32`", "`arithmetic: \"f32\"`"),
    ("`WeightStorage::F32`", "`weightStorage: \"f32\"`"),
    ("close other programs that use the GPU, or take", "close other pages, or take"),
    ("update the driver, or choose another adapter", "update the browser and the GPU's driver"),
    ("try another adapter", "try another browser"),
    ("or drop its future; a progress", "or abort it by its signal; a progress"),
    ("measure again with `Runtime::profile`", "call `profile`"),
    ("close other programs that use the GPU, or choose another adapter", "close other programs that use the GPU"),
    ("choose another adapter", "try another browser"),
];

/// A library's message in terms of the package for pages.
pub fn in_javascript(message: &str) -> String {
    WORDS.iter().fold(message.to_owned(), |message, (api, words)| message.replace(api, words))
}
