//! The program of `docs/c.md`: compiled as C and as C++, built with the page's CMake file, and run.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;
#[path = "common/install.rs"]
mod install;

use common::{Language, Linked, bundle, compile, printed, root, run};
use install::install;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The text of all blocks of a language, in the order of the page.
fn blocks(language: &str) -> String {
    let page = std::fs::read_to_string(root().join("docs/c.md")).unwrap();
    let head = format!("```{language}\n");
    let blocks: Vec<&str> = page.split(&head).skip(1).map(|rest| rest.split("```\n").next().unwrap()).collect();
    assert!(!blocks.is_empty(), "the page has no {language}");
    blocks.join("\n")
}

/// Writes the page's program.
fn write(folder: &Path) -> PathBuf {
    let path = folder.join("app.c");
    std::fs::write(&path, blocks("c")).unwrap();
    path
}

fn check(program: &Path, folder: &Path) {
    let text = printed(Command::new(program).arg(bundle()).current_dir(folder));
    for part in ["on ", "` takes ", " of its answers are right", "child ", " ms", "done"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(folder.join("profile.json").is_file());
}

#[test]
fn the_program_of_the_page_is_valid_c11_and_cpp17_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let source = write(folder.path());
    for language in [Language::C11, Language::Cpp17] {
        check(&compile(&source, language, Linked::Shared, &[], folder.path()), folder.path());
    }
}

#[test]
fn the_cmake_file_of_the_page_builds_it() {
    let folder = tempfile::tempdir().unwrap();
    let (prefix, build) = (folder.path().join("prefix"), folder.path().join("build"));
    install(&prefix);
    write(folder.path());
    std::fs::write(folder.path().join("CMakeLists.txt"), blocks("cmake")).unwrap();
    let mut configure = Command::new("cmake");
    configure.arg("-S").arg(folder.path()).arg("-B").arg(&build);
    run(configure.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())));
    run(Command::new("cmake").arg("--build").arg(&build));
    check(&build.join("app"), folder.path());
}
