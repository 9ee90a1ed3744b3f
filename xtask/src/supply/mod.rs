//! `cargo xtask supply`: what comes from elsewhere. Licences and sources of all crates, and bills of materials.

mod bom;
mod components;
mod licences;

use crate::{process, setup, workspace};
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

pub use bom::write_all;

/// Flags of `cargo xtask supply`.
#[derive(clap::Args)]
pub struct Options {
    /// A clone of RustSec's advisory-db, if the network does not reach it
    #[arg(long, value_name = "FOLDER")]
    advisories: Option<PathBuf>,
}

/// Checks everything, and writes the bills of materials to target/sbom.
pub fn run(options: &Options) -> Result<()> {
    println!("{}", check()?);
    deny(&["bans", "licenses", "sources"])?;
    advisories(options.advisories.as_deref())?;
    let folder = workspace::target().join("sbom");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in write_all(&folder)? {
        println!("wrote {}", file.display());
    }
    Ok(())
}

/// Licences and sources of every crate in Cargo.lock, whatever is installed. Returns a line that says how many.
pub fn check() -> Result<String> {
    let crates = components::all()?;
    let allowed = licences::Allowed::read(&workspace::root().join("deny.toml"))?;
    let mut faults = Vec::new();
    for one in &crates {
        faults.extend(one.fault_of_source());
        faults.extend(allowed.fault(&one.name, one.licence.as_deref()));
    }
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    let own = crates.iter().filter(|one| one.source.is_none()).count();
    Ok(format!(
        "{} crates from crates.io, each with a checksum, and {own} of this workspace, all under a licence of deny.toml",
        crates.len() - own
    ))
}

/// Runs some checks of cargo-deny.
pub fn deny(checks: &[&str]) -> Result<()> {
    let mut command = setup::cargo_deny()?;
    process::run(command.current_dir(workspace::root()).args(["--all-features", "check"]).args(checks))
}

/// The name under which cargo-deny keeps RustSec's advisories.
const DATABASE: &str = "advisory-db-3157b0e258782691";

/// Compares all crates with RustSec's advisories: those of the network, or of a repository here.
fn advisories(repository: Option<&Path>) -> Result<()> {
    let Some(repository) = repository else { return deny(&["advisories"]) };
    let databases = workspace::target().join("advisories");
    if databases.exists() {
        std::fs::remove_dir_all(&databases).with_context(|| format!("cannot empty {}", databases.display()))?;
    }
    process::run(Command::new("git").args(["clone", "--quiet"]).arg(repository).arg(databases.join(DATABASE)))?;
    let config = workspace::target().join("deny-advisories.toml");
    let text = std::fs::read_to_string(workspace::root().join("deny.toml")).context("cannot read deny.toml")?;
    let key = "[advisories]\n";
    ensure!(text.contains(key), "deny.toml has no {key}");
    let own = format!("{key}db-path = {:?}\n", databases.display().to_string());
    std::fs::write(&config, text.replace(key, &own)).with_context(|| format!("cannot write {}", config.display()))?;
    let mut command = setup::cargo_deny()?;
    command.current_dir(workspace::root()).args(["--all-features", "--offline", "--config"]).arg(config);
    process::run(command.args(["check", "advisories"]))
}
