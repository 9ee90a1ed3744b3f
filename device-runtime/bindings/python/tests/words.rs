//! No message of the SDK names an option of Rust.

#[path = "../src/words.rs"]
mod words;

use words::in_python;

/// The errors that the package passes on.
const SOURCES: [&str; 7] = [
    include_str!("../../../runtime/src/error.rs"),
    include_str!("../../../runtime/src/engine/plan/placement.rs"),
    include_str!("../../../runtime/src/engine/trial/arithmetic.rs"),
    include_str!("../../../runtime/src/engine/trial/storage.rs"),
    include_str!("../../../bundle/src/error.rs"),
    include_str!("../../../bundle/src/profile/error.rs"),
    include_str!("../../../pictures/src/error.rs"),
];

/// Calls that the package has no form of: their messages cannot arrive.
const NOT_CALLED: [&str; 2] = ["Runtime::profile", "Runtime::choose"];

/// The texts in backticks of a source, without documentation and tests, each literal on one line.
fn quoted(source: &str) -> Vec<String> {
    let source = source.split("mod tests {").next().unwrap_or_default();
    let code: Vec<&str> = source.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
    let text = in_python(&code.join("\n").replace("\\\n", ""));
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn no_message_names_an_option_of_rust() {
    let all: Vec<String> = SOURCES.iter().flat_map(|source| quoted(source)).collect();
    let left: Vec<&String> =
        all.iter().filter(|text| text.contains("::") && !NOT_CALLED.contains(&text.as_str())).collect();
    assert!(left.is_empty(), "these need a phrase in WORDS: {left:?}");
    assert!(all.len() > 20 && all.iter().any(|text| text == "timeout_s"), "{all:?}");
}

#[test]
fn a_message_stays_a_sentence() {
    let error = nestling::Error::ImageTooLarge { side: 2000, max: 1080 };
    let words = "reading the image needs `max_image_side` 2000, but it is 1080: shrink the image, or open the runtime with 2000";
    assert_eq!(in_python(&error.to_string()), words);
    let error = nestling::Error::Busy { action: "a choice" };
    let words = in_python(&error.to_string());
    assert!(words.contains("end it by an exception of its progress callback; a progress callback must not"), "{words}");
}
