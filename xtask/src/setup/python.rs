//! A Python that has pip, found or made; it only fetches and unpacks wheels, and torch is never imported.

use super::packages;
use crate::{process, workspace};
use anyhow::{Result, bail};
use std::process::Command;

/// The interpreter to call with `-m pip`.
pub fn with_pip() -> Result<String> {
    let system = "python3".to_owned();
    if has_pip(&system) {
        return Ok(system);
    }
    if process::answer(&system, &["--version"]).is_none() {
        // As root this installs it, otherwise it says how.
        packages::install(&["python3", "python3-pip"])?;
    }
    if has_pip(&system) {
        return Ok(system);
    }

    // A private environment under target/ touches nothing that the system manages.
    let folder = workspace::target().join("pip");
    let private = folder.join("bin/python").to_string_lossy().into_owned();
    if !has_pip(&private) {
        println!("setup: python3 has no pip; making a private one in {}", folder.display());
        // May fail: Debian ships `venv` without `ensurepip` unless python3-venv is there.
        let _ = process::run(Command::new(&system).args(["-m", "venv", "--clear"]).arg(&folder));
    }
    if has_pip(&private) {
        return Ok(private);
    }
    packages::install(&["python3-pip"])?;
    if has_pip(&system) {
        return Ok(system);
    }
    bail!(
        "pip is needed to fetch libtorch: install Python 3.9 or newer with pip, so that `python3 -m pip --version` works"
    )
}

fn has_pip(python: &str) -> bool {
    process::answer(python, &["-m", "pip", "--version"]).is_some()
}
