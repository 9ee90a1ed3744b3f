//! The package as a folder, and the interpreters that run its test scripts.

#![allow(dead_code, reason = "each test program uses a part")]
#![allow(clippy::unwrap_used, reason = "only tests call this")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

pub fn crate_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The workspace's root.
pub fn root() -> PathBuf {
    crate_folder().join("../../..").canonicalize().unwrap()
}

/// The trained bundle of the examples.
pub fn bundle() -> PathBuf {
    root().join("examples/assets/fashion.nestling")
}

/// A folder with the package `nestling`: its Python files and the native module that cargo built for this test.
pub fn assemble() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let package = folder.path().join("nestling");
    fs::create_dir(&package).unwrap();
    for entry in crate_folder().join("python/nestling").read_dir().unwrap() {
        let from = entry.unwrap().path();
        if from.is_file() {
            fs::copy(&from, package.join(from.file_name().unwrap())).unwrap();
        }
    }
    let library = format!("{}nestling_python{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    let built = std::env::current_exe().unwrap().parent().unwrap().join(library);
    let extension = if cfg!(windows) { "pyd" } else { "abi3.so" };
    fs::copy(&built, package.join(format!("_native.{extension}"))).unwrap();
    folder
}

/// The interpreter of the fast tests: `python3`, or the one that `NESTLING_PYTHON` names.
pub fn system_python() -> PathBuf {
    std::env::var_os("NESTLING_PYTHON").map_or_else(|| "python3".into(), PathBuf::from)
}

/// The interpreter with NumPy, Pillow, Matplotlib, mypy and maturin.
pub fn equipped_python() -> PathBuf {
    let python = root().join("target/sdk-python/bin/python");
    assert!(python.exists(), "{} is missing: run `cargo xtask setup --python`", python.display());
    python
}

/// An interpreter with the package on its path.
pub fn python(interpreter: &Path, package: &Path) -> Command {
    let mut command = Command::new(interpreter);
    let scripts = crate_folder().join("tests/scripts");
    command.env("PYTHONPATH", std::env::join_paths([package, &scripts]).unwrap());
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("MPLBACKEND", "Agg");
    command.env("NESTLING_ASSETS", root().join("examples/assets")).env("NESTLING_ROOT", root());
    command.env("NESTLING_VERSION", env!("CARGO_PKG_VERSION"));
    command
}

/// Runs a command to its end, and panics with its output if it fails.
pub fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}

/// The standard output of [`run`].
pub fn printed(command: &mut Command) -> String {
    String::from_utf8(run(command).stdout).unwrap()
}

/// Runs a test script; none of its tests may be skipped.
pub fn run_script(interpreter: &Path, name: &str) {
    let package = assemble();
    let output = run(python(interpreter, package.path()).args(["-W", "error", "-m", "unittest", "-v", name]));
    let report = String::from_utf8_lossy(&output.stderr);
    let last = report.trim_end().lines().last().unwrap_or_default();
    assert!(last == "OK" && report.contains(" ... ok"), "{name}: {report}");
}
