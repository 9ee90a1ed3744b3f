//! No message of the SDK names an option of Rust.

#[path = "../../../runtime/tests/common/messages.rs"]
mod messages;
#[path = "../src/words.rs"]
mod words;

use messages::{SDK, quoted};
use words::in_c;

/// Calls that the library has no form of: their messages cannot arrive.
const NOT_CALLED: [&str; 2] = ["Runtime::profile", "Runtime::choose"];

#[test]
fn no_message_names_an_option_of_rust() {
    let all = quoted(SDK, in_c);
    let left: Vec<&String> =
        all.iter().filter(|text| text.contains("::") && !NOT_CALLED.contains(&text.as_str())).collect();
    assert!(left.is_empty(), "these need a phrase in WORDS: {left:?}");
    assert!(all.len() > 20 && all.iter().any(|text| text == "timeout_ms"), "{all:?}");
}

#[test]
fn a_message_stays_a_sentence() {
    let error = nestling::Error::ImageTooLarge { side: 2000, max: 1080 };
    let words = "reading the image needs `max_image_side` 2000, but it is 1080: shrink the image, or open the runtime with 2000";
    assert_eq!(in_c(&error.to_string()), words);
}
