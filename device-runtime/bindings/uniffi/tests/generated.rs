//! The Kotlin and the Swift of the packages are those of the sources. `NESTLING_BLESS=1` writes them.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;

use camino::Utf8PathBuf;
use common::{KOTLIN, SWIFT, crate_folder, library, package_file};
use std::fs;
use std::path::Path;
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate_with_bindgen_paths};
use uniffi_bindgen::{BindgenPaths, BindgenPathsLayer};

/// Each generated file, and its place in a package.
const FILES: [(&str, &str); 4] = [
    ("nestling/nestling.kt", KOTLIN),
    ("Nestling.swift", SWIFT),
    ("NestlingFFI.h", "swift/include/NestlingFFI.h"),
    ("NestlingFFI.modulemap", "swift/include/module.modulemap"),
];

/// Finds this crate's `uniffi.toml`.
struct ThisCrate;

impl BindgenPathsLayer for ThisCrate {
    fn get_crate_root(&self, _: &str) -> Option<Utf8PathBuf> {
        Utf8PathBuf::from_path_buf(crate_folder()).ok()
    }
}

fn generate(folder: &Path) {
    let mut paths = BindgenPaths::default();
    paths.add_layer(ThisCrate);
    let options = GenerateOptions {
        languages: vec![TargetLanguage::Kotlin, TargetLanguage::Swift],
        source: Utf8PathBuf::from_path_buf(library()).unwrap(),
        out_dir: Utf8PathBuf::from_path_buf(folder.to_owned()).unwrap(),
        crate_filter: Some("nestling_uniffi".to_owned()),
        ..GenerateOptions::default()
    };
    generate_with_bindgen_paths(options, paths).unwrap();
}

/// Without spaces at the ends of lines, which the generator leaves.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    format!("{}\n", lines.join("\n").trim_end())
}

#[test]
fn the_generated_files_are_those_of_the_sources() {
    let folder = tempfile::tempdir().unwrap();
    generate(folder.path());
    let mut stale = Vec::new();
    for (name, place) in FILES {
        let (text, path) = (tidy(&fs::read_to_string(folder.path().join(name)).unwrap()), package_file(place));
        if std::env::var_os("NESTLING_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != text {
            stale.push(place);
        }
    }
    let command = "NESTLING_BLESS=1 cargo test -p nestling-uniffi --test generated";
    assert!(stale.is_empty(), "{stale:?} are not those of the sources: {command}");
}
