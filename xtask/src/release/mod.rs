//! `cargo xtask release --dry-run`: every file that a registry would take, each used once as an app would.

mod check;
mod make;

use crate::{process, setup, supply, workspace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `cargo xtask release`.
#[derive(clap::Args)]
pub struct Options {
    /// Make and check all files; nothing leaves this machine
    #[arg(long)]
    dry_run: bool,
}

impl Options {
    /// The form that publishes nothing.
    pub fn dry_run() -> Self {
        Self { dry_run: true }
    }
}

/// The folders of a release.
pub struct Folders {
    /// The files, and their checksums.
    pub files: PathBuf,
    /// The files that they are made from, and the unpacked ones.
    pub work: PathBuf,
}

/// Makes the files, checks each, and writes the checksums last.
pub fn run(options: &Options) -> Result<()> {
    ensure!(options.dry_run, "publishing is by hand: give --dry-run, and upload target/release-files");
    let folders =
        Folders { files: workspace::target().join("release-files"), work: workspace::target().join("release-work") };
    for folder in [&folders.files, &folders.work] {
        if folder.exists() {
            fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
        }
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    make::all(&folders)?;
    supply::write_all(&folders.files)?;
    check::all(&folders)?;
    script(&["--sums".as_ref(), &folders.files])?;
    let sums = fs::read_to_string(folders.files.join("SHA256SUMS")).context("there are no checksums")?;
    for name in sums.lines().filter_map(|line| line.split_whitespace().nth(1)) {
        let bytes = fs::metadata(folders.files.join(name))?.len();
        println!("{:>9.2} MB  {name}", bytes as f64 / 1e6);
    }
    Ok(())
}

/// The version of every package.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Runs the script that packs files.
fn script(arguments: &[&Path]) -> Result<()> {
    let python = setup::pip_python()?;
    let mut pack = Command::new(python);
    pack.arg("-c").arg(include_str!("archive.py")).args(arguments);
    // Not `process::run`, whose message would hold the whole script.
    ensure!(pack.status().context("could not start python")?.success(), "a package could not be packed");
    Ok(())
}

/// Copies a file, into folders that may be missing.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Copies a folder.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let path = entry?.path();
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() { copy_folder(&path, &to)? } else { copy(&path, &to)? }
    }
    Ok(())
}

/// Runs a command of this program.
fn own(arguments: &[&str]) -> Result<()> {
    let program = std::env::current_exe().context("this program has no path")?;
    process::run(Command::new(program).args(arguments))
}
