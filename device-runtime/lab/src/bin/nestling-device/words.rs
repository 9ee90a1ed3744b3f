//! Messages of the libraries name their API. A user of this program has flags in its place.

/// A phrase of a library's message, and the same for a user of this program. Longer phrases come before their parts.
const WORDS: [(&str, &str); 20] = [
    ("the image needs `RuntimeOptions::max_image_side`", "the image needs --image-side"),
    ("`Runtime::profile`", "`nestling-device profile`"),
    ("use `Runtime::choose`, which takes shipped children", "leave out --whole-space"),
    (", or raise `ContextOptions::largest_buffer` where the adapter has more", ""),
    ("load with a smaller `RuntimeOptions::max_image_side`", "give a smaller --image-side"),
    ("drop a `PreparedChild`, or load with more `RuntimeOptions::spare_children`", "give fewer children"),
    ("more than `RuntimeOptions::max_madds` ", "more than "),
    ("set `RuntimeOptions::untrained`", "give --untrained"),
    ("; raise `ContextOptions::timeout` if the work is really that long", "; end other programs that use it"),
    (
        "; where the adapter offers it, `ContextOptions::use_f16` must be set",
        "; f16 needs an adapter that offers it, and no `--without f16`",
    ),
    ("Ask for one of the backends that it has in `ContextOptions::backends`", "Name one that it has with --backend"),
    ("in `ContextOptions::adapter_name`", "with --adapter"),
    ("Choose one of those by", "Choose one of those with --adapter by"),
    (", or drop its future; a progress callback must not measure, choose or calibrate", ""),
    ("choose another adapter", "choose another one with --adapter or --backend"),
    ("try another adapter", "try another one with --adapter or --backend"),
    ("close the runtime and open the bundle again", "run the command again"),
    ("`Arithmetic::F32`", "--arithmetic f32"),
    ("`WeightStorage::F32`", "--weight-storage f32"),
    ("`PictureOptions::max_bytes`", "--max-picture-mib"),
];

/// A library's message in terms of this program's flags.
pub fn in_flags(message: &str) -> String {
    WORDS.iter().fold(message.to_owned(), |message, (api, flags)| message.replace(api, flags))
}

#[cfg(test)]
#[path = "../../../../runtime/tests/common/messages.rs"]
mod messages;

#[cfg(test)]
mod tests {
    use super::messages::{PICTURES, SDK, check_words};
    use super::*;

    #[test]
    fn no_message_names_an_option_of_the_api() {
        check_words(SDK.into_iter().chain([PICTURES]), in_flags, &[], "nestling-device profile");
    }

    #[test]
    fn every_phrase_is_one_of_a_library() {
        let joined = |source: &&str| source.lines().map(str::trim).collect::<Vec<_>>().join("\n").replace("\\\n", "");
        let all: String = SDK.iter().chain([&PICTURES]).map(joined).collect();
        for (api, _) in WORDS {
            assert!(all.contains(api), "no message has {api:?}");
        }
    }
}
