//! C and C++ programs with the library: the example, and every misuse that can be seen.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;

use common::{Language, Linked, bundle, coat, compile, crate_folder, printed, run};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A budget that holds on the slowest machine, in ms: no test depends on a time.
const ANY_BUDGET: &str = "1000000";

const SANITIZERS: [&str; 3] = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-rdynamic"];

fn example() -> PathBuf {
    crate_folder().join("examples/classify.c")
}

fn misuse() -> PathBuf {
    crate_folder().join("tests/programs/misuse.c")
}

/// Runs the example, with or without a tool before it, and checks what it says.
fn check_example(command: &mut Command, profile: &Path) {
    let text = printed(command.arg(bundle()).arg(coat()).arg(ANY_BUDGET).arg(profile));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() == 4 && lines[0].starts_with("child ") && lines[2].starts_with("switched "), "{text}");
    for line in [lines[1], lines[3]] {
        assert!(line.starts_with("coat ") && line.ends_with(" ms"), "{text}");
    }
    assert!(profile.is_file());
}

#[test]
fn the_example_is_valid_c11_and_cpp17_and_classifies_with_either_library() {
    let folder = tempfile::tempdir().unwrap();
    // The first one measures this device, the others take its profile.
    let profile = folder.path().join("profile.json");
    for language in [Language::C11, Language::Cpp17] {
        for linked in [Linked::Shared, Linked::Static] {
            let program = compile(&example(), language, linked, &[], folder.path());
            check_example(&mut Command::new(program), &profile);
        }
    }
}

#[test]
fn the_example_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(&example(), Language::C11, Linked::Shared, &[], folder.path());
    let fails = |arguments: &[&Path], code: i32, text: &str| {
        let output = Command::new(&program).args(arguments).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && words.contains(text), "{}: {words}", output.status);
    };
    fails(&[], 2, "usage: ");
    fails(&[&bundle(), &bundle()], 1, "not a binary PGM");
    fails(&[&coat(), &coat()], 1, "(bundle_not_a_bundle)");
    fails(&[&bundle(), &coat(), Path::new("1e-6")], 1, "(below_fastest)");
}

#[test]
fn every_misuse_gives_its_status() {
    let folder = tempfile::tempdir().unwrap();
    for language in [Language::C11, Language::Cpp17] {
        let program = compile(&misuse(), language, Linked::Shared, &[], folder.path());
        let checks = printed(Command::new(program).arg(bundle()).arg(coat()));
        assert!(checks.ends_with(" checks\n"), "{checks}");
    }
}

/// Compiles a program for AddressSanitizer with its search for leaks.
fn sanitized(source: &Path, folder: &Path) -> Command {
    let beside = crate_folder().join("tests/programs/keep_loaded.c");
    let mut flags = SANITIZERS.to_vec();
    flags.push(beside.to_str().unwrap());
    Command::new(compile(source, Language::C11, Linked::Shared, &flags, folder))
}

#[cfg(target_os = "linux")]
#[test]
fn address_sanitizer_finds_nothing_in_the_example_and_in_misuse() {
    let folder = tempfile::tempdir().unwrap();
    check_example(&mut sanitized(&example(), folder.path()), &folder.path().join("profile.json"));
    run(sanitized(&misuse(), folder.path()).arg(bundle()).arg(coat()));
}

/// Valgrind, which fails on any error and any leak.
///
/// Without blocks to which only a pointer into their middle is left: hash tables keep no other.
fn valgrind() -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect"]);
    command.arg(format!("--suppressions={}", crate_folder().join("tests/programs/valgrind.supp").display()));
    command
}

#[cfg(target_os = "linux")]
#[test]
fn valgrind_finds_nothing_in_misuse_without_a_gpu() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(&misuse(), Language::C11, Linked::Shared, &[], folder.path());
    run(valgrind().arg(program));
}

#[cfg(target_os = "linux")]
#[test]
#[ignore = "takes a minute: the software driver's compiler runs in valgrind too"]
fn valgrind_finds_nothing_in_the_example_and_in_misuse_with_a_gpu() {
    let folder = tempfile::tempdir().unwrap();
    let program = compile(&example(), Language::C11, Linked::Shared, &[], folder.path());
    check_example(valgrind().arg(program), &folder.path().join("profile.json"));
    let program = compile(&misuse(), Language::C11, Linked::Shared, &[], folder.path());
    run(valgrind().arg(program).arg(bundle()).arg(coat()));
}
