//! Whether the runtime compiles for the web: `cargo check --target wasm32-unknown-unknown -p nestling`.

use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

const TARGET: &str = "wasm32-unknown-unknown";

/// The package that apps use.
const PACKAGE: &str = "nestling";

/// Debian's compiler, whose packages hold the sources of the standard library.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// Checks with the toolchain that rustup has for the web, or else with Debian's.
pub fn check() -> Result<()> {
    match command()? {
        Some(mut command) => process::run(&mut command),
        None => bail!(
            "no compiler for {TARGET}: run `rustup target add {TARGET}`, or install Debian's packages {}",
            setup::WEB_PACKAGES.join(" ")
        ),
    }
}

/// Whether the check passes; `None` where no compiler for the web is here.
pub fn verdict() -> Option<bool> {
    let missing = |error: &anyhow::Error| eprintln!("note: {error:#}");
    let mut command = command().inspect_err(missing).ok()??;
    // Standard output belongs to the caller's document.
    let outcome = command.stdout(std::io::stderr()).status().ok()?;
    Some(outcome.success())
}

fn command() -> Result<Option<Command>> {
    if has_rustup_target() {
        let mut command = workspace::cargo(&["check"]);
        arguments(&mut command);
        return Ok(Some(command));
    }
    ensure_debian_compiler().with_context(|| format!("`rustup target add {TARGET}` will do as well"))?;
    Ok(has_debian_sources().then(debian))
}

fn arguments(command: &mut Command) {
    command.args(["--target", TARGET, "--package", PACKAGE, "--all-features", "--target-dir"]);
    command.arg(workspace::target().join("wasm")).env("RUSTFLAGS", "--deny warnings");
}

/// Builds the standard library too, because Debian ships it for the web only as source.
fn debian() -> Command {
    let mut command = debian_cargo();
    command.args(["check", "-Zbuild-std=std,panic_abort"]);
    arguments(&mut command);
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
    command
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
