//! Paths of this checkout, and its cargo.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Returns the repository's root.
///
/// Cargo names it at run time, because a target folder shared by two checkouts may hold the other one's xtask.
pub fn root() -> PathBuf {
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let manifest = manifest.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    manifest.parent().map(Path::to_path_buf).unwrap_or(manifest)
}

/// Returns the repository's own `target`, whatever `CARGO_TARGET_DIR` says: `.cargo/config.toml` expects libtorch here.
pub fn target() -> PathBuf {
    root().join("target")
}

/// Returns a command that runs this program's cargo in the repository's root.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    command
}
