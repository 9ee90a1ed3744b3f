//! No message of the SDK names an option of Rust.

#[path = "../../../runtime/tests/common/messages.rs"]
mod messages;
#[path = "../src/words.rs"]
mod words;

use messages::{SDK, check_words};
use words::in_c;

/// Calls that the library has no form of: their messages cannot arrive.
const NOT_CALLED: [&str; 2] = ["Runtime::profile", "Runtime::choose"];

#[test]
fn no_message_names_an_option_of_rust() {
    check_words(SDK, in_c, &NOT_CALLED, "timeout_ms");
}

#[test]
fn a_message_stays_a_sentence() {
    let error = nestling::Error::ImageTooLarge { side: 2000, max: 1080 };
    let words = "reading the image needs `max_image_side` 2000, but it is 1080: shrink the image, or open the runtime with 2000";
    assert_eq!(in_c(&error.to_string()), words);
}
