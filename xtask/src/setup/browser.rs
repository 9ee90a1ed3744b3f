//! The browser that tests and photographs the package for browsers.

use super::packages;
use crate::process;
use anyhow::{Result, ensure};

/// Names of the program; `xtask/web` looks for the same.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Installs Chromium where there is none. `NESTLING_CHROMIUM` may name another one.
pub fn ensure() -> Result<()> {
    if is_here() {
        return Ok(());
    }
    packages::install(&["chromium"])?;
    ensure!(is_here(), "no Chromium was found: install one, or set NESTLING_CHROMIUM to its program");
    Ok(())
}

fn is_here() -> bool {
    let named = std::env::var("NESTLING_CHROMIUM").ok();
    let answers = |name: &str| process::answer(name, &["--version"]).is_some();
    named.map_or_else(|| NAMES.iter().any(|name| answers(name)), |name| answers(&name))
}
