//! Compiling for the web: whether the runtime does (`cargo check --target wasm32-unknown-unknown -p nestling`), and the
//! module of the package for browsers.

use crate::{process, setup, workspace};
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// The package that apps use.
const PACKAGE: &str = "nestling";

/// Debian's compiler, whose packages hold the sources of the standard library.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// The profile of the workspace's manifest for the module that pages fetch.
const MODULE_PROFILE: &str = "web";

/// Checks with the toolchain that rustup has for the web, or else with Debian's.
pub fn check() -> Result<()> {
    process::run(arguments(&mut cargo("check")?.with_context(none)?, PACKAGE).arg("--all-features"))
}

/// Builds a package's module as small as it gets, and returns its path.
pub fn build(package: &str) -> Result<PathBuf> {
    let mut command = cargo("build")?.with_context(none)?;
    process::run(arguments(&mut command, package).args(["--profile", MODULE_PROFILE]))?;
    let name = format!("{}.wasm", package.replace('-', "_"));
    Ok(target().join(TARGET).join(MODULE_PROFILE).join(name))
}

fn none() -> String {
    let packages = setup::WEB_PACKAGES.join(" ");
    format!("no compiler for {TARGET}: run `rustup target add {TARGET}`, or install Debian's packages {packages}")
}

/// Whether the check passes; `None` where no compiler for the web is here.
pub fn verdict() -> Option<bool> {
    let missing = |error: &anyhow::Error| eprintln!("note: {error:#}");
    let mut command = cargo("check").inspect_err(missing).ok()??;
    arguments(&mut command, PACKAGE).arg("--all-features");
    // Standard output belongs to the caller's document.
    let outcome = command.stdout(std::io::stderr()).status().ok()?;
    Some(outcome.success())
}

/// A command of the cargo that compiles for the web; `None` where there is none.
fn cargo(subcommand: &str) -> Result<Option<Command>> {
    if has_rustup_target() {
        return Ok(Some(workspace::cargo(&[subcommand])));
    }
    ensure_debian_compiler().with_context(|| format!("`rustup target add {TARGET}` will do as well"))?;
    Ok(has_debian_sources().then(|| debian(subcommand)))
}

fn target() -> PathBuf {
    workspace::target().join("wasm")
}

fn arguments<'a>(command: &'a mut Command, package: &str) -> &'a mut Command {
    command.args(["--target", TARGET, "--package", package, "--target-dir"]);
    command.arg(target()).env("RUSTFLAGS", "--deny warnings")
}

/// Builds the standard library too, because Debian ships it for the web only as source.
fn debian(subcommand: &str) -> Command {
    let mut command = debian_cargo();
    command.args([subcommand, "-Zbuild-std=std,panic_abort"]);
    command
}

/// Installs Debian's compiler and its sources, where they are missing.
pub fn ensure_debian_compiler() -> Result<()> {
    if has_debian_sources() { Ok(()) } else { setup::web_compiler() }
}

/// Debian's cargo with its compiler, which may build the standard library.
pub fn debian_cargo() -> Command {
    let mut command = Command::new(DEBIAN_CARGO);
    command.current_dir(workspace::root());
    // Neither rustup's compiler nor its libraries may be found first; cargo's `run` sets these for this program.
    for name in ["CARGO", "RUSTDOC", "RUSTUP_TOOLCHAIN", "LD_LIBRARY_PATH"] {
        command.env_remove(name);
    }
    // `-Z` is for nightly compilers otherwise.
    command.env("RUSTC", DEBIAN_RUSTC).env("RUSTC_BOOTSTRAP", "1");
    // Debian's compiler asks for a linker of its own package; rustup's brings one.
    if let Some(linker) = rustup_linker() {
        command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
    }
    command
}

/// The linker beside this program's compiler.
fn rustup_linker() -> Option<PathBuf> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let root = process::answer(&rustc, &["--print", "sysroot"])?;
    let host = process::answer(&rustc, &["--print", "host-tuple"])?;
    let linker = Path::new(&root).join("lib/rustlib").join(host).join("bin/rust-lld");
    linker.is_file().then_some(linker)
}

fn has_rustup_target() -> bool {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let folder = process::answer(&rustc, &["--print", "target-libdir", "--target", TARGET]);
    folder.is_some_and(|folder| Path::new(&folder).is_dir())
}

fn has_debian_sources() -> bool {
    let root = process::answer(DEBIAN_RUSTC, &["--print", "sysroot"]);
    let has_source = |root| Path::new(&root).join("lib/rustlib/src/rust/library/std").is_dir();
    root.is_some_and(has_source) && Path::new(DEBIAN_CARGO).is_file()
}
