//! The installed library, as pkg-config and CMake find it.

#![allow(clippy::unwrap_used)] // a test's helpers may panic too

mod common;
#[path = "common/install.rs"]
mod install;

use common::{SYSTEM_LIBRARIES, bundle, coat, crate_folder, printed, run};
use install::install;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Installs into a folder and moves it, because both packages must find their files from where they are.
fn install_and_move(folder: &Path) -> PathBuf {
    let (first, prefix) = (folder.join("first place"), folder.join("prefix"));
    install(&first);
    std::fs::rename(first, &prefix).unwrap();
    prefix
}

fn example() -> PathBuf {
    crate_folder().join("examples/classify.c")
}

fn check(program: &Path) {
    let text = printed(Command::new(program).arg(bundle()).arg(coat()).arg("1000000"));
    assert!(text.contains("\ncoat "), "{}: {text}", program.display());
}

#[test]
fn pkg_config_names_the_flags() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = install_and_move(folder.path());
    let flags = |arguments: &[&str]| -> Vec<String> {
        let mut command = Command::new("pkg-config");
        command.args(arguments).arg("nestling").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
        printed(&mut command).split_whitespace().map(str::to_owned).collect()
    };
    assert_eq!(flags(&["--modversion"]), [env!("CARGO_PKG_VERSION")]);
    let program = folder.path().join("app");
    let search = format!("-Wl,-rpath,{}", prefix.join("lib").display());
    let mut command = Command::new("cc");
    run(command.arg(example()).args(flags(&["--cflags", "--libs"])).arg(search).arg("-o").arg(&program));
    check(&program);
    // A fully static link of the library: it comes first, its system libraries after it.
    let all = flags(&["--static", "--libs"]);
    assert!(SYSTEM_LIBRARIES.iter().all(|one| all.iter().any(|flag| flag == one)), "{all:?}");
}

#[test]
fn cmake_finds_both_libraries() {
    let folder = tempfile::tempdir().unwrap();
    let prefix = install_and_move(folder.path());
    let configure = |wanted: &str, build: &Path| {
        let mut command = Command::new("cmake");
        command.arg("-S").arg(crate_folder().join("tests/cmake")).arg("-B").arg(build);
        command.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())).arg(format!("-DWANTED={wanted}"));
        command.arg(format!("-DEXAMPLE={}", example().display()));
        command
    };
    let build = folder.path().join("build");
    run(&mut configure(env!("CARGO_PKG_VERSION"), &build));
    run(Command::new("cmake").arg("--build").arg(&build));
    for program in ["shared_c", "shared_cpp", "static_c"] {
        check(&build.join(program));
    }
    let other = configure("0.999", &folder.path().join("other")).output().unwrap();
    let words = String::from_utf8_lossy(&other.stderr).into_owned();
    assert!(!other.status.success() && words.contains("compatible with requested version"), "{words}");
}
