//! Paths, and programs that tests run.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The workspace's root.
pub fn root() -> PathBuf {
    crate_folder().join("../../..").canonicalize().unwrap()
}

/// A file of one of the packages, `android` or `swift`.
pub fn package_file(path: &str) -> PathBuf {
    crate_folder().join("..").join(path)
}

/// The generated Kotlin.
pub const KOTLIN: &str = "android/nestling/src/main/kotlin/nestling/nestling.kt";

/// The generated Swift.
pub const SWIFT: &str = "swift/Sources/Nestling/Nestling.swift";

/// The folder of the library that cargo built for this test.
pub fn libraries() -> PathBuf {
    std::env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// That library.
pub fn library() -> PathBuf {
    let name = format!("{}nestling_uniffi{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    libraries().join(name)
}

/// The text of all blocks of a language of a page, in its order.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let page = std::fs::read_to_string(root().join(page)).unwrap();
    let head = format!("```{language}\n");
    page.split(&head).skip(1).map(|rest| rest.split("```\n").next().unwrap().to_owned()).collect()
}

/// Runs a command to its end, and panics with its output if it fails.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}

/// The names of a folder's files that end so, also in folders within it.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}
