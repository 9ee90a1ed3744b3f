//! The messages of the SDK's errors as their sources have them. The tests of each language's words include this file.

#![allow(dead_code, reason = "each test program uses a part")]

/// The errors of runtime, bundle, profile, images and weights.
pub const SDK: [&str; 9] = [
    include_str!("../../src/error.rs"),
    include_str!("../../src/gpu/context.rs"),
    include_str!("../../src/engine/plan/placement.rs"),
    include_str!("../../src/engine/trial/arithmetic.rs"),
    include_str!("../../src/engine/trial/storage.rs"),
    include_str!("../../../bundle/src/error.rs"),
    include_str!("../../../bundle/src/profile/error.rs"),
    include_str!("../../../core/src/image/error.rs"),
    include_str!("../../../core/src/weights/rounding.rs"),
];

/// The errors of picture files.
pub const PICTURES: &str = include_str!("../../../pictures/src/error.rs");

/// Words of the API of Rust that no user of another language knows.
const OF_RUST: [&str; 4] = ["context", "backend", "backends", "future"];

/// The text literals of sources after their messages were put into a language's words, without documentation and tests.
fn literals<'a>(sources: impl IntoIterator<Item = &'a str>, in_words: fn(&str) -> String) -> Vec<String> {
    let texts = |source: &str| -> Vec<String> {
        let source = source.split("mod tests {").next().unwrap_or_default();
        let code: Vec<&str> = source
            .lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("//") && !line.starts_with("#[allow"))
            .collect();
        let code = code.join("\n").replace("\\\n", "").replace("\\\"", "'");
        code.split('"').skip(1).step_by(2).map(in_words).collect()
    };
    sources.into_iter().flat_map(texts).collect()
}

/// Fails if a message has a word of Rust's API, if a text in backticks names an item of Rust that is not among the calls
/// that a language has no form of, or if the language's own `option` is in none.
pub fn check_words<'a>(
    sources: impl IntoIterator<Item = &'a str>,
    in_words: fn(&str) -> String,
    not_called: &[&str],
    option: &str,
) {
    let texts = literals(sources, in_words);
    // A message is a sentence: labels and names have no spaces between several words.
    for text in texts.iter().filter(|text| text.matches(' ').count() > 3) {
        let mut words = text.split(|letter: char| !letter.is_alphanumeric() && !"-_`".contains(letter));
        assert_eq!(words.find(|word| OF_RUST.contains(word)), None, "{text}");
    }
    let all: Vec<&str> = texts.iter().flat_map(|text| text.split('`').skip(1).step_by(2)).collect();
    // Functions of wgpu are advice to apps that bring a device of their own, which only Rust can.
    let left: Vec<&&str> = all
        .iter()
        .filter(|text| text.contains("::") && !text.starts_with("wgpu::") && !not_called.contains(text))
        .collect();
    assert!(left.is_empty(), "these need a phrase in WORDS: {left:?}");
    assert!(all.len() > 20 && all.contains(&option), "{all:?}");
}
