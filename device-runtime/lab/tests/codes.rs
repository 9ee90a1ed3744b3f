//! The codes of all errors of the workspace: each belongs to one kind of error, and `docs/api.md` lists them all.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust file below a folder's `src`.
fn sources(folder: &Path, inside: bool, to: &mut Vec<PathBuf>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, inside || path.ends_with("src"), to);
        } else if inside && path.extension().is_some_and(|extension| extension == "rs") {
            to.push(path);
        }
    }
}

/// The texts that functions called `code` of a file return.
fn codes(text: &str) -> Vec<String> {
    const HEAD: &str = "pub fn code(&self";
    let bodies = text.split(HEAD).skip(1).map(|rest| rest.split("\n    }\n").next().unwrap());
    // An attribute names a target, not a code.
    let lines = bodies.flat_map(|body| body.lines().filter(|line| !line.trim_start().starts_with("#[")));
    lines.flat_map(|line| line.split('"').skip(1).step_by(2)).map(str::to_owned).collect()
}

#[test]
fn every_code_belongs_to_one_kind_of_error_and_is_documented() {
    let mut files = Vec::new();
    for folder in ["device-runtime", "host-trainer", "shaders"] {
        sources(&workspace().join(folder), false, &mut files);
    }
    let all: Vec<String> = files.iter().flat_map(|file| codes(&std::fs::read_to_string(file).unwrap())).collect();
    let unique: BTreeSet<&str> = all.iter().map(String::as_str).collect();
    assert!(unique.contains("no_adapter") && unique.contains("bundle_damaged") && unique.len() > 60, "{unique:?}");
    let twice: Vec<&String> =
        all.iter().filter(|&code| all.iter().filter(|&other| other == code).count() > 1).collect();
    assert!(twice.is_empty(), "these codes belong to two kinds of errors: {twice:?}");
    for code in &unique {
        assert!(code.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{code}");
    }
    let page = std::fs::read_to_string(workspace().join("docs/api.md")).unwrap();
    let (_, table) = page.split_once("### Codes").unwrap();
    let table = table.split("\n## ").next().unwrap();
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")).filter_map(|line| line.split_once(" | "));
    let listed: Vec<&str> = cells.flat_map(|(_, codes)| codes.split('`').skip(1).step_by(2)).collect();
    assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), unique, "docs/api.md, section Codes");
    assert_eq!(listed.len(), unique.len(), "docs/api.md lists a code twice");
}

/// Types that give the reason inside of a state, and are never returned as an error.
const REASONS: [&str; 2] = ["CacheFault", "CacheUnused"];

#[test]
fn every_public_error_of_the_device_has_a_code() {
    let mut files = Vec::new();
    sources(&workspace().join("device-runtime"), false, &mut files);
    files.retain(|file| !file.components().any(|part| part.as_os_str() == "bin"));
    let texts: Vec<String> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let mut count = 0;
    for text in &texts {
        for rest in text.split("thiserror::Error)]").skip(1) {
            let declaration =
                rest.lines().find(|line| line.starts_with("pub enum ") || line.starts_with("pub struct "));
            let Some(name) = declaration.and_then(|line| line.split_whitespace().nth(2)) else { continue };
            count += 1;
            let head = format!("impl {name} {{");
            let has_code = |text: &String| {
                let mut blocks = text.split(&head).skip(1);
                blocks.any(|block| block.split("\n}\n").next().unwrap().contains("pub fn code("))
            };
            assert!(REASONS.contains(&name) || texts.iter().any(has_code), "{name} has no `code()`");
        }
    }
    assert!(count > 10, "{count}");
}
