//! No message of the SDK names an option of Rust.

#[path = "../src/words.rs"]
mod words;

use words::in_javascript;

/// The errors that the package passes on.
const SOURCES: [&str; 6] = [
    include_str!("../../../runtime/src/error.rs"),
    include_str!("../../../runtime/src/engine/plan/placement.rs"),
    include_str!("../../../runtime/src/engine/trial/arithmetic.rs"),
    include_str!("../../../runtime/src/engine/trial/storage.rs"),
    include_str!("../../../bundle/src/error.rs"),
    include_str!("../../../bundle/src/profile/error.rs"),
];

/// A call that the package has no form of: its message cannot arrive.
const NOT_CALLED: [&str; 1] = ["Runtime::choose"];

/// The texts in backticks of a source, without documentation and tests, each literal on one line.
fn quoted(source: &str) -> Vec<String> {
    let source = source.split("mod tests {").next().unwrap_or_default();
    let code: Vec<&str> = source.lines().map(str::trim).filter(|line| !line.starts_with("//")).collect();
    let text = in_javascript(&code.join("\n").replace("\\\n", ""));
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn no_message_names_an_option_of_rust() {
    let all: Vec<String> = SOURCES.iter().flat_map(|source| quoted(source)).collect();
    let left: Vec<&String> =
        all.iter().filter(|text| text.contains("::") && !NOT_CALLED.contains(&text.as_str())).collect();
    assert!(left.is_empty(), "these need a phrase in WORDS: {left:?}");
    assert!(all.len() > 20 && all.iter().any(|text| text == "maxImageSide"), "{all:?}");
}

#[test]
fn a_message_stays_a_sentence() {
    let none =
        nestling::Error::NoAdapter { wanted: "at all".into(), tried: "browser_webgpu".into(), found: "none".into() };
    let words = in_javascript(&none.to_string());
    assert!(words.ends_with("(tried browser_webgpu; found none). Turn on hardware acceleration in the browser's settings, or open the page in another browser"), "{words}");
    let lost = in_javascript(&nestling::Error::Lost { reason: "x".into() }.to_string());
    assert_eq!(lost, "the GPU device was lost (x): close the runtime and open the bundle again");
    let refused = nestling::Error::Refused { action: "a submission".into(), reason: "x".into() };
    assert_eq!(
        in_javascript(&refused.to_string()),
        "the GPU refused a submission: x; update the browser and the GPU's driver"
    );
}
