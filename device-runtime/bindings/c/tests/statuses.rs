//! The statuses are those of `docs/api.md`, and versions and constants are those of the SDK.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;

use common::root;
use nestling_c::{
    FIRST_OF_SDK, NAMES, NESTLING_VERSION_MAJOR, NESTLING_VERSION_MINOR, NESTLING_VERSION_PATCH, nestling_status_name,
    nestling_version,
};
use std::collections::BTreeSet;
use std::ffi::CStr;

/// The first rows of the table of codes, up to this one, are those of the SDK.
const FIRST_OTHER_ROW: &str = "| crates below |";

/// The codes of the SDK, as `docs/api.md` lists them.
fn codes() -> BTreeSet<String> {
    let page = std::fs::read_to_string(root().join("docs/api.md")).unwrap();
    let (_, table) = page.split_once("### Codes").unwrap();
    let (table, _) = table.split_once(FIRST_OTHER_ROW).unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|line| line.split_once(" | "));
    cells.flat_map(|(_, codes)| codes.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}

fn name(status: i32) -> &'static str {
    // SAFETY: the function returns a text that ends with a zero and stays.
    #[allow(unsafe_code)]
    unsafe { CStr::from_ptr(nestling_status_name(status)) }.to_str().unwrap()
}

#[test]
fn every_code_of_the_sdk_has_one_status_of_its_name() {
    let of_sdk = NAMES.iter().filter(|(status, _)| *status as u32 >= FIRST_OF_SDK);
    let names: Vec<String> = of_sdk.map(|(_, name)| name.to_str().unwrap().to_owned()).collect();
    assert!(names.len() > 60, "{names:?}");
    assert_eq!(names.iter().cloned().collect::<BTreeSet<_>>(), codes());
    let unique: BTreeSet<_> = NAMES.iter().map(|(_, name)| name).collect();
    assert_eq!(unique.len(), NAMES.len(), "a name belongs to two statuses");
    for (status, text) in &NAMES {
        let text = text.to_str().unwrap();
        assert_eq!(format!("{status:?}"), format!("NESTLING_{}", text.to_uppercase()));
        assert_eq!(name(*status as i32), text);
    }
    assert_eq!((name(0), name(-1), name(99)), ("ok", "unknown", "unknown"));
}

#[test]
fn every_status_of_the_enum_has_a_name() {
    let source = std::fs::read_to_string(common::crate_folder().join("src/status.rs")).unwrap();
    let (_, body) = source.split_once("pub enum nestling_status {").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let variants: Vec<&str> = body.lines().filter_map(|line| line.trim().split_once(" = ")).map(|one| one.0).collect();
    let named: Vec<String> = NAMES.iter().map(|(status, _)| format!("{status:?}")).collect();
    assert_eq!(variants, named);
}

#[test]
fn the_guide_says_what_to_do_about_every_status_of_this_library() {
    let guide = std::fs::read_to_string(root().join("docs/c.md")).unwrap();
    for (status, _) in NAMES.iter().filter(|(status, _)| (1..FIRST_OF_SDK).contains(&(*status as u32))) {
        assert!(guide.contains(&format!("`{status:?}`")), "docs/c.md does not name {status:?}");
    }
}

#[test]
fn header_and_library_have_the_version_of_the_workspace() {
    let header = [NESTLING_VERSION_MAJOR, NESTLING_VERSION_MINOR, NESTLING_VERSION_PATCH];
    assert_eq!(header.map(|part| part.to_string()).join("."), env!("CARGO_PKG_VERSION"));
    // SAFETY: the function returns a text that ends with a zero and stays.
    #[allow(unsafe_code)]
    let library = unsafe { CStr::from_ptr(nestling_version()) };
    assert_eq!(library.to_str().unwrap(), env!("CARGO_PKG_VERSION"));
}
