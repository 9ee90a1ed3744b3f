//! No message of the SDK names an option of Rust.

#[path = "../../../runtime/tests/common/messages.rs"]
mod messages;
#[path = "../src/words.rs"]
mod words;

use messages::{SDK, check_words};
use words::in_javascript;

/// A call that the package has no form of: its message cannot arrive.
const NOT_CALLED: [&str; 1] = ["Runtime::choose"];

#[test]
fn no_message_names_an_option_of_rust() {
    check_words(SDK, in_javascript, &NOT_CALLED, "maxImageSide");
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
