//! `include/nestling.h` is that of the sources. `NESTLING_BLESS=1` writes it.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;

use cbindgen::{Builder, Config, DocumentationStyle, ExportConfig, Language, Style};
use common::crate_folder;

/// The files with the interface, in the order of the header.
const SOURCES: [&str; 8] = ["status", "types", "opening", "facts", "measuring", "running", "governing", "messages"];

const HEAD: &str = "/* Nestling's device runtime for C11 and C++17. The guide is docs/c.md.
 *
 * Written by cbindgen from the Rust sources; `NESTLING_BLESS=1 cargo test -p nestling-c --test header` writes it anew.
 *
 * Any thread may call any function. Every call that measures or chooses takes the runtime for itself: a second one, also
 * from a progress callback, returns NESTLING_BUSY at once. */";

/// Types that no function names, because a caller's constants are plain numbers.
const CONSTANTS: [&str; 7] = [
    "nestling_weight_storage",
    "nestling_arithmetic",
    "nestling_format",
    "nestling_yuv_matrix",
    "nestling_yuv_range",
    "nestling_quantile",
    "nestling_thermal_hint",
];

fn written() -> String {
    let config = Config {
        language: Language::C,
        cpp_compat: true,
        header: Some(HEAD.to_owned()),
        include_guard: Some("NESTLING_H".to_owned()),
        documentation_style: DocumentationStyle::Doxy,
        style: Style::Type,
        no_includes: true,
        sys_includes: ["stdbool.h", "stddef.h", "stdint.h"].map(str::to_owned).to_vec(),
        usize_is_size_t: true,
        line_length: 120,
        tab_width: 4,
        export: ExportConfig {
            include: CONSTANTS.map(str::to_owned).to_vec(),
            exclude: vec!["FIRST_OF_SDK".to_owned()],
            ..ExportConfig::default()
        },
        ..Config::default()
    };
    let source = |name| crate_folder().join(format!("src/{name}.rs"));
    let builder = SOURCES.into_iter().fold(Builder::new().with_config(config), |all, name| all.with_src(source(name)));
    let mut text = Vec::new();
    builder.generate().unwrap().write(&mut text);
    String::from_utf8(text).unwrap()
}

/// The functions that a header declares.
fn functions(header: &str) -> Vec<&str> {
    let lines = header.lines().filter(|line| !line.starts_with([' ', '/', '}', '#']) && !line.starts_with("typedef"));
    lines.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next()).collect()
}

#[test]
fn the_header_is_that_of_the_sources() {
    let path = crate_folder().join("include/nestling.h");
    let text = written();
    if std::env::var_os("NESTLING_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == text, "{} is not that of the sources; write it with NESTLING_BLESS=1", path.display());
}

#[test]
fn the_header_declares_ten_to_twenty_functions_and_the_guide_names_them_all() {
    let text = written();
    let functions = functions(&text);
    assert!((10..=20).contains(&functions.len()), "{functions:?}");
    assert!(functions.contains(&"nestling_open") && functions.contains(&"nestling_version"), "{functions:?}");
    let guide = std::fs::read_to_string(crate_folder().join("../../../docs/c.md")).unwrap();
    for name in &functions {
        assert!(guide.contains(name), "docs/c.md does not name `{name}`");
    }
}

/// Functions that only look a constant up.
const CANNOT_FAIL: [&str; 2] = ["nestling_status_name", "nestling_version"];

#[test]
fn every_exported_function_is_declared_and_lets_no_panic_out() {
    let text = written();
    let mut count = 0;
    for name in SOURCES {
        let source = std::fs::read_to_string(crate_folder().join(format!("src/{name}.rs"))).unwrap();
        for function in source.split("#[unsafe(no_mangle)]\n").skip(1) {
            let (body, _) = function.split_once("\n}\n").unwrap();
            let (name, _) = body.split_once("extern \"C\" fn ").unwrap().1.split_once('(').unwrap();
            assert!(functions(&text).contains(&name), "{name} is not in the header");
            let is_guarded = body.contains("    call(||") || body.contains("caught(||");
            assert!(is_guarded != CANNOT_FAIL.contains(&name), "{name} lets panics out");
            count += 1;
        }
    }
    assert_eq!(count, functions(&text).len());
}
