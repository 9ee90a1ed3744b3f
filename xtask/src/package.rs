//! `cargo xtask package`: the crates as crates.io would get them.

use crate::{metadata, process, setup, workspace};
use anyhow::{Result, ensure};

/// The trainer links libtorch, also when its package is verified.
const TRAINER: &str = "nestling-train";

/// Packages and builds every crate of the workspace that may be published, in the order of their dependencies.
pub fn run() -> Result<()> {
    let packages = metadata::packages(&workspace::root())?;
    let names: Vec<&str> = packages.iter().filter(|one| one.is_published).map(|one| one.name.as_str()).collect();
    ensure!(!names.is_empty(), "every crate of the workspace says `publish = false`");
    if names.contains(&TRAINER) {
        setup::ensure()?;
    }
    // One call for all: cargo then orders them, and each may depend on others that no registry has yet.
    let mut package = workspace::cargo(&["package", "--allow-dirty"]);
    for name in names {
        package.args(["--package", name]);
    }
    process::run(&mut package)
}
