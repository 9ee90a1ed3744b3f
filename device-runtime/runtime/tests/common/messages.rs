//! The messages of the SDK's errors as their sources have them. The tests of each language's words include this file.

#![allow(dead_code, reason = "each test program uses a part")]

/// The errors of runtime, bundle, profile, images and weights.
pub const SDK: [&str; 8] = [
    include_str!("../../src/error.rs"),
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

/// The texts in backticks of sources after their messages were put into a language's words, without documentation and
/// tests, each literal on one line.
fn quoted<'a>(sources: impl IntoIterator<Item = &'a str>, in_words: fn(&str) -> String) -> Vec<String> {
    let texts = |source: &str| -> Vec<String> {
        let source = source.split("mod tests {").next().unwrap_or_default();
        let code: Vec<&str> = source.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
        let text = in_words(&code.join("\n").replace("\\\n", ""));
        text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    sources.into_iter().flat_map(texts).collect()
}

/// Fails if a text in backticks names an item of Rust that is not among the calls that a language has no form of, or if
/// the language's own `option` is in none.
pub fn check_words<'a>(
    sources: impl IntoIterator<Item = &'a str>,
    in_words: fn(&str) -> String,
    not_called: &[&str],
    option: &str,
) {
    let all = quoted(sources, in_words);
    let left: Vec<&String> =
        all.iter().filter(|text| text.contains("::") && !not_called.contains(&text.as_str())).collect();
    assert!(left.is_empty(), "these need a phrase in WORDS: {left:?}");
    assert!(all.len() > 20 && all.iter().any(|text| text == option), "{all:?}");
}
