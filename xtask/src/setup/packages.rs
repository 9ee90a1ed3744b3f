//! The system's packages: installed where it has apt, elsewhere named in a message.

use crate::process;
use anyhow::{Context, Result, bail};
use std::io::stderr;
use std::process::Command;

/// Installs the named packages; does nothing for an empty list.
pub fn install(names: &[&str]) -> Result<()> {
    if names.is_empty() {
        return Ok(());
    }
    let list = names.join(" ");
    if process::answer("apt-get", &["--version"]).is_none() {
        // The caller's own check says why each of them is needed.
        eprintln!("setup: no apt on this system; under Debian's names, these packages are missing: {list}");
        return Ok(());
    }
    if process::answer("id", &["-u"]).as_deref() != Some("0") {
        bail!(
            "these packages are missing: {list}\nRun this, then the same command again:\n  \
             sudo apt-get update && sudo apt-get install --yes --no-install-recommends {list}"
        );
    }
    // Standard output may be a JSON document.
    eprintln!("setup: installing {list}");
    process::run(Command::new("apt-get").args(["--quiet=2", "update"]).stdout(stderr()))
        .context("the package index could not be refreshed; is the network there?")?;
    let mut install = Command::new("apt-get");
    install.args(["--quiet=2", "install", "--yes", "--no-install-recommends"]).args(names);
    process::run(install.env("DEBIAN_FRONTEND", "noninteractive").stdout(stderr()))
}
