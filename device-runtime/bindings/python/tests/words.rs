//! No message of the SDK names an option of Rust.

#[path = "../../../runtime/tests/common/messages.rs"]
mod messages;
#[path = "../src/words.rs"]
mod words;

use messages::{PICTURES, SDK, check_words};
use words::in_python;

/// Calls that the package has no form of: their messages cannot arrive.
const NOT_CALLED: [&str; 2] = ["Runtime::profile", "Runtime::choose"];

#[test]
fn no_message_names_an_option_of_rust() {
    check_words(SDK.into_iter().chain([PICTURES]), in_python, &NOT_CALLED, "timeout_s");
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
