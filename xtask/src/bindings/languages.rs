//! The programs of each language, and what an app ships of it.

use super::{own, python_with};
use crate::small::{self, PROFILE};
use crate::{process, python, setup, workspace};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The languages, in the table's order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Language {
    Rust,
    C,
    Python,
    Kotlin,
    Browser,
}

impl Language {
    pub const ALL: [Self; 5] = [Self::Rust, Self::C, Self::Python, Self::Kotlin, Self::Browser];

    /// Its name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::Python => "Python",
            Self::Kotlin => "Kotlin",
            Self::Browser => "browser",
        }
    }
}

/// The input of every program.
pub struct Frames {
    pub bundle: PathBuf,
    pub file: PathBuf,
    pub width: u64,
    pub height: u64,
}

/// Builds every package, the one of arm64 too.
pub fn build() -> Result<()> {
    for command in [&["c"][..], &["python"], &["kotlin"], &["web"], &["kotlin", "--arm64"]] {
        own(command)?;
    }
    setup::browser()?;
    let mut rust = workspace::cargo(&["rustc", "--package", "nestling-examples", "--example", "parity"]);
    rust.args(["--profile", PROFILE, "--target-dir"]).arg(workspace::target());
    process::run(rust.arg("--").args(small::flags_of_host()))
}

/// The command that prints a language's answers.
pub fn command(language: Language, frames: &Frames) -> Result<Command> {
    let folder = workspace::target().join("bindings");
    let mut command = match language {
        Language::Rust => Command::new(rust_program()),
        Language::C => c_program(&workspace::target().join("c"), "parity", &folder.join("parity-c"))?,
        Language::Python => {
            let mut python = Command::new(python_with(&python::wheel()?, &folder.join("python"))?);
            python.arg(workspace::root().join("device-runtime/bindings/python/tests/scripts/parity.py"));
            python
        }
        Language::Kotlin => {
            kotlin_program(&workspace::target().join("kotlin/nestling.jar"), &folder.join("parity.jar"))?
        }
        Language::Browser => return Ok(browser(frames, None)),
    };
    give(&mut command, frames);
    Ok(command)
}

/// Adds the arguments of every native program.
pub fn give(command: &mut Command, frames: &Frames) {
    command.arg(&frames.bundle).arg(&frames.file).args([frames.width, frames.height].map(|side| side.to_string()));
    // Mesa keeps compiled shaders on disk: the first result is that of an app's first start.
    command.env("MESA_SHADER_CACHE_DISABLE", "true");
}

/// The files that an app ships; of Rust it is the stripped program that prints the answers.
pub fn artefacts(language: Language) -> Result<Vec<PathBuf>> {
    let target = workspace::target();
    Ok(match language {
        Language::Rust => vec![rust_program()],
        Language::C => vec![target.join("c/lib/libnestling_c.so")],
        Language::Python => vec![python::wheel()?],
        Language::Kotlin => vec![target.join("kotlin/libnestling_uniffi.so"), target.join("kotlin/nestling.jar")],
        Language::Browser => vec![target.join(format!("web/nestling-web-{}.tgz", env!("CARGO_PKG_VERSION")))],
    })
}

/// The native library of Kotlin for arm64, which stands for those of phones.
pub fn arm64_library() -> PathBuf {
    workspace::target().join("aarch64-unknown-linux-gnu").join(PROFILE).join("libnestling_uniffi.so")
}

fn rust_program() -> PathBuf {
    workspace::target().join(PROFILE).join("examples/parity")
}

/// Compiles one of the examples in C against an installed library.
pub fn c_program(prefix: &Path, example: &str, program: &Path) -> Result<Command> {
    let source = workspace::root().join(format!("device-runtime/bindings/c/examples/{example}.c"));
    let flags = process::output(
        Command::new("pkg-config")
            .args(["--cflags", "--libs", "nestling"])
            .env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig")),
    )?;
    let mut compile = Command::new("cc");
    compile.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"]).arg(source);
    process::run(compile.args(flags.split_whitespace()).arg("-o").arg(program))?;
    let mut run = Command::new(program);
    run.env("LD_LIBRARY_PATH", prefix.join("lib"));
    Ok(run)
}

/// Compiles the program in Kotlin against the classes of the package; it loads this machine's native library.
pub fn kotlin_program(package: &Path, jar: &Path) -> Result<Command> {
    let (tools, libraries) = (setup::kotlin()?, workspace::target().join("kotlin"));
    let source = workspace::root().join("device-runtime/bindings/uniffi/tests/kotlin/Parity.kt");
    let mut compile = Command::new(tools.join("kotlinc"));
    process::run(compile.env("CLASSPATH", package).arg("-nowarn").arg("-d").arg(jar).arg(source))?;
    let mut run = Command::new(tools.join("kotlin"));
    run.arg(libraries).arg(std::env::join_paths([jar, package]).context("a path has a colon")?);
    run.arg("nestling.tests.ParityKt");
    Ok(run)
}

/// The package in a browser; a folder may hold another one than the site's, below `nestling`.
pub fn browser(frames: &Frames, package: Option<&Path>) -> Command {
    let mut tool = workspace::cargo(&["run", "--quiet", "--package", "nestling-web-tool", "--", "--root"]);
    tool.arg(workspace::root()).arg("parity").arg("--frames").arg(frames.file.with_file_name(""));
    tool.args(["--width", &frames.width.to_string(), "--height", &frames.height.to_string()]);
    if let Some(folder) = package {
        tool.arg("--package-in").arg(folder);
    }
    tool
}
