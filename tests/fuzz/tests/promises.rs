//! Every promise of `docs/security.md` names a test that is there.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::path::Path;

/// The parts of a text that stand between backquotes.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Whether a file has a test of this name, also in a module of its own.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim_start).collect();
    lines.windows(2).any(|pair| pair[0] == "#[test]" && pair[1].starts_with(&format!("fn {name}()")))
}

#[test]
fn every_promise_names_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/security.md")).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| --- |")).skip(1);
    let mut promises = 0;
    for row in rows.take_while(|line| line.starts_with('|')) {
        let check = row.split('|').nth(3).unwrap();
        let names = quoted(check);
        let tests: Vec<_> = names.windows(2).filter(|pair| pair[0].ends_with(".rs")).collect();
        assert!(!tests.is_empty(), "no test: {row}");
        for pair in tests {
            let source = std::fs::read_to_string(root.join(pair[0])).unwrap_or_else(|_| panic!("no file {}", pair[0]));
            assert!(has_test(&source, pair[1]), "{} has no test {}", pair[0], pair[1]);
        }
        promises += 1;
    }
    assert_eq!(promises, 8, "a promise was added or removed: look at the page");
}
