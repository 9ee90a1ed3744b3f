//! `cargo xtask package`: makes the packages that crates.io would get.

use crate::{metadata, process, setup, workspace};
use anyhow::{Result, ensure};

/// The package that links libtorch, also when it is verified.
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
    // The packages are built without the workspace's profiles; debug information would double the time.
    process::run(package.env("CARGO_PROFILE_DEV_DEBUG", "0"))
}
