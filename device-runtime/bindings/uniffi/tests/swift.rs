//! The Swift package, its sample and its guide: parsed, and their names compared with the generated Swift. No Swift
//! compiler is at hand, so types are not checked.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;
#[path = "common/swift_code.rs"]
mod swift_code;

use common::{SWIFT, blocks, crate_folder, files, package_file, root, run};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use swift_code::{calls, code, declared, fits, signatures, used, without_blocks};

const GUIDE: &str = "docs/swift.md";

/// Names of Swift, Foundation, AVFoundation, CoreVideo, SwiftUI and SwiftPM that the sources use.
const APPLE: &str = include_str!("swift/apple.txt");

/// The Swift that was written by hand.
fn written() -> Vec<PathBuf> {
    let generated = package_file(SWIFT).file_name().unwrap().to_owned();
    let mut all = files(&package_file("swift"), ".swift");
    all.retain(|path| path.file_name().unwrap() != generated);
    assert!(all.len() >= 9, "{all:?}");
    all
}

fn read(path: &PathBuf) -> String {
    fs::read_to_string(path).unwrap()
}

/// All code by hand, each with its place.
fn sources() -> Vec<(String, String)> {
    let named = |path: &PathBuf| (path.display().to_string(), code(&read(path)));
    let page = code(&blocks(GUIDE, "swift").join("\n"));
    written().iter().map(named).chain([(GUIDE.to_owned(), page)]).collect()
}

fn generated() -> String {
    code(&without_blocks(&read(&package_file(SWIFT))))
}

#[test]
fn every_name_is_declared_or_apples() {
    let sources = sources();
    let mut known: BTreeSet<String> = declared(&generated());
    known.extend(APPLE.split_whitespace().map(str::to_owned));
    known.extend(sources.iter().flat_map(|(_, code)| declared(code)));
    let unknown = sources.iter().map(|(place, code)| (place, used(code).difference(&known).cloned().collect()));
    let unknown: Vec<(&String, Vec<String>)> =
        unknown.filter(|(_, names): &(_, Vec<String>)| !names.is_empty()).collect();
    assert!(unknown.is_empty(), "nothing declares these names: {unknown:#?}");
    let all: BTreeSet<String> = sources.iter().flat_map(|(_, code)| used(code)).collect();
    let idle: Vec<&str> = APPLE.split_whitespace().filter(|name| !all.contains(*name)).collect();
    assert!(idle.is_empty(), "nothing uses these of swift/apple.txt: {idle:?}");
}

#[test]
fn every_call_has_the_labels_of_its_declaration() {
    let sources = sources();
    let mut all: BTreeMap<String, Vec<Vec<String>>> = signatures(&generated());
    for (_, code) in &sources {
        signatures(code).into_iter().for_each(|(name, labels)| all.entry(name).or_default().extend(labels));
    }
    let apples: BTreeSet<&str> = APPLE.split_whitespace().collect();
    let mut count = 0;
    for (place, code) in &sources {
        for (name, labels) in calls(code) {
            let Some(declared) = all.get(&name).filter(|_| !apples.contains(name.as_str())) else { continue };
            let is_ours = declared.iter().any(|one| fits(&labels, one));
            assert!(is_ours, "{place}: {name}({labels:?}) is none of {declared:?}");
            count += 1;
        }
    }
    assert!(count > 60, "{count} calls");
}

#[test]
fn the_checks_find_a_wrong_name_and_a_wrong_label() {
    let source =
        code("func go(of way: Int, by: Int) {}\nlet a = Thing.shared // Nothing\nlet b = \"x.y \\(a.z(in: 3))\"\n");
    assert_eq!(used(&source).into_iter().collect::<Vec<_>>(), ["Int", "Thing", "shared", "z"]);
    assert_eq!(calls(&source), [("z".to_owned(), vec!["in".to_owned()])]);
    let declared = signatures(&source).remove("go").unwrap().remove(0);
    assert_eq!(declared, ["of", "by"]);
    assert!(fits(&["by".to_owned()], &declared) && !fits(&["by".to_owned(), "of".to_owned()], &declared));
}

#[test]
fn the_swift_can_be_parsed() {
    let python = root().join("target/swift-python/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask setup --swift`", python.display());
    let mut parse = Command::new(python);
    parse.arg(crate_folder().join("tests/swift/parse.py")).args(written()).arg(root().join(GUIDE));
    run(&mut parse);
}

#[test]
fn the_guides_say_what_to_do_about_every_error() {
    let source = read(&crate_folder().join("src/error.rs"));
    let (_, body) = source.split_once("pub enum NestlingError {").unwrap();
    let (body, rest) = body.split_once("\n}\n").unwrap();
    let variants: Vec<&str> = body.lines().filter_map(|line| line.strip_prefix("    ")?.strip_suffix(" {")).collect();
    assert_eq!(variants.len(), 18, "{variants:?}");
    let codes =
        rest.split('"').filter(|text| text.len() > 3 && text.chars().all(|one| one == '_' || one.is_lowercase()));
    let codes: BTreeSet<&str> = codes.filter(|text| !text.contains(' ')).collect();
    assert!(codes.contains("device_lost") && codes.contains("not_governed"), "{codes:?}");
    let api = fs::read_to_string(root().join("docs/api.md")).unwrap();
    for page in ["docs/kotlin.md", GUIDE] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for variant in &variants {
            assert!(text.contains(&format!("| `{variant}` |")), "{page} has no row for {variant}");
        }
        for code in codes.iter().filter(|code| !code.ends_with('_')) {
            assert!(text.contains(&format!("`{code}`")), "{page} does not name {code}");
            assert!(api.contains(&format!("`{code}`")), "docs/api.md does not name {code}");
        }
    }
}
