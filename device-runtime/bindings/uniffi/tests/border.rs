//! The border to other languages: messages in their terms, and no panic that crosses it.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;
#[path = "../../../runtime/tests/common/messages.rs"]
mod messages;
#[path = "../src/words.rs"]
mod words;

use common::{crate_folder, files};
use messages::{PICTURES, SDK, check_words};
use std::fs;
use words::in_apps;

/// Calls that the packages have no form of: their messages cannot arrive.
const NOT_CALLED: [&str; 2] = ["Runtime::profile", "Runtime::choose"];

/// Exported functions that read or change a field and fail at nothing.
const CANNOT_FAIL: [&str; 14] = [
    "active",
    "adapter",
    "cancel",
    "is_cancelled",
    "labels",
    "library_version",
    "memory",
    "new",
    "profile_facts",
    "replaced",
    "set_thermal_hint",
    "stop_governing",
    "thermal_hint_of_headroom",
    "thermal_hint_of_ios_state",
];

#[test]
fn no_message_names_an_option_of_rust() {
    check_words(SDK.into_iter().chain([PICTURES]), in_apps, &NOT_CALLED, "timeoutMs");
}

#[test]
fn every_exported_function_that_can_fail_lets_no_panic_out() {
    let mut guarded = 0;
    for path in files(&crate_folder().join("src"), ".rs") {
        let source = fs::read_to_string(&path).unwrap();
        for part in source.split("#[uniffi::export]\n").skip(1) {
            let (part, _) = part.split_once("\n}\n").unwrap();
            for function in part.split("pub ").filter_map(|part| part.trim_start_matches("async ").strip_prefix("fn "))
            {
                let (name, body) = function.split_once('(').unwrap();
                let is_guarded =
                    ["guard(||", ".run(async", "Self::open_bundle("].iter().any(|call| body.contains(call));
                assert!(is_guarded != CANNOT_FAIL.contains(&name), "{name} in {}", path.display());
                guarded += usize::from(is_guarded);
            }
        }
    }
    assert_eq!(guarded, 18);
}
