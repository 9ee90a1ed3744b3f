//! Messages of the libraries name their API. A user of this program has flags in its place.

/// A phrase of a library's message, and the same for a user of this program. Longer phrases come before their parts.
const WORDS: [(&str, &str); 18] = [
    ("the image needs `RuntimeOptions::max_image_side`", "the image needs --image-side"),
    ("`Runtime::profile`", "`nestling-device profile`"),
    ("use `Runtime::choose`, which takes shipped children", "leave out --whole-space"),
    (", or raise `ContextOptions::largest_buffer` where the adapter has more", ""),
    ("load with a smaller `RuntimeOptions::max_image_side`", "give a smaller --image-side"),
    ("drop a `PreparedChild`, or load with more `RuntimeOptions::spare_children`", "give fewer children"),
    ("set `RuntimeOptions::untrained`", "give --untrained"),
    ("; raise `ContextOptions::timeout` if the work is really that long", "; end other programs that use it"),
    (
        "; where the adapter offers it, `ContextOptions::use_f16` must be set",
        "; f16 needs an adapter that offers it, and no `--without f16`",
    ),
    ("in `ContextOptions::backends`", "with --backend"),
    ("in `ContextOptions::adapter_name`", "with --adapter"),
    ("Choose one of those by", "Choose one of those with --adapter by"),
    ("choose another adapter or backend", "choose another one with --adapter or --backend"),
    ("try another adapter or backend", "try another one with --adapter or --backend"),
    ("or choose another adapter", "or choose another adapter with --adapter"),
    ("`Arithmetic::F32`", "--arithmetic f32"),
    ("`WeightStorage::F32`", "--weight-storage f32"),
    ("`PictureOptions::max_bytes`", "--max-picture-mib"),
];

/// A library's message in terms of this program's flags.
pub fn in_flags(message: &str) -> String {
    WORDS.iter().fold(message.to_owned(), |message, (api, flags)| message.replace(api, flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The errors that this program passes on.
    const SOURCES: [&str; 7] = [
        include_str!("../../../../runtime/src/error.rs"),
        include_str!("../../../../runtime/src/engine/plan/placement.rs"),
        include_str!("../../../../runtime/src/engine/trial/arithmetic.rs"),
        include_str!("../../../../runtime/src/engine/trial/storage.rs"),
        include_str!("../../../../bundle/src/error.rs"),
        include_str!("../../../../bundle/src/profile/error.rs"),
        include_str!("../../../../pictures/src/error.rs"),
    ];

    /// The texts in backticks of a source, without documentation and tests, each literal on one line.
    fn quoted(source: &str) -> Vec<String> {
        let source = source.split("mod tests {").next().unwrap();
        let code: Vec<&str> = source.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
        let text = in_flags(&code.join("\n").replace("\\\n", ""));
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    #[test]
    fn no_message_names_an_option_of_the_api() {
        let all: Vec<String> = SOURCES.iter().flat_map(|source| quoted(source)).collect();
        let left: Vec<&String> = all.iter().filter(|text| text.contains("::")).collect();
        assert!(left.is_empty(), "these need a phrase in WORDS: {left:?}");
        assert!(all.len() > 20 && all.iter().any(|text| text == "nestling-device profile"), "{all:?}");
    }

    #[test]
    fn every_phrase_is_one_of_a_library() {
        let joined = |source: &&str| source.lines().map(str::trim).collect::<Vec<_>>().join("\n").replace("\\\n", "");
        let all: String = SOURCES.iter().map(joined).collect();
        for (api, _) in WORDS {
            assert!(all.contains(api), "no message has {api:?}");
        }
    }
}
