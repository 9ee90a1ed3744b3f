//! `cargo xtask gpu`: training and the Vulkan runtime on an NVIDIA GPU, also on a machine that can fetch nothing.
//!
//! `--pack` gathers the programs, the images and `gpu/run.py` in one folder. The script needs Python and libtorch where
//! it runs. It writes `summary.json`.

use crate::programs::Programs;
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `cargo xtask gpu`.
#[derive(clap::Args)]
pub struct Options {
    /// Only gather what another machine needs, in target/gpu/carry; run `python3 run.py --out DIR` there
    #[arg(long, conflicts_with = "dry_run")]
    pack: bool,
    /// Prove the script with a few steps on this machine's processor and software driver; the figures mean nothing
    #[arg(long)]
    dry_run: bool,
}

impl Options {
    /// A proof of the script on the processor.
    pub fn dry_run() -> Self {
        Self { pack: false, dry_run: true }
    }
}

/// Most bytes of the folder, all files together: what can be carried to such a machine.
const MAX_BYTES: u64 = 64 << 20;

/// Gathers the folder and, on a machine with a GPU, measures.
pub fn run(options: &Options) -> Result<()> {
    ensure!(
        options.pack || options.dry_run || setup::has_nvidia_driver(),
        "no NVIDIA driver is here. `cargo xtask gpu --pack` gathers what a machine with one needs, and \
         `cargo xtask gpu --dry-run` proves the script on the processor"
    );
    setup::ensure()?;
    let folder = workspace::target().join("gpu");
    let carry = folder.join("carry");
    let bytes = gather(&Programs::build()?, &carry)?;
    println!("{}: {:.1} MiB", carry.display(), bytes as f64 / f64::from(1 << 20));
    if options.pack {
        println!("on the other machine: python3 {}/run.py --out DIR", carry.file_name().unwrap_or_default().display());
        return Ok(());
    }
    // A dry run's figures must never be taken for measured ones.
    let out = if options.dry_run { folder.join("dry-run") } else { folder };
    process::run(&mut script(&carry, &out, options.dry_run))
}

/// The command that runs the script here.
fn script(carry: &Path, out: &Path, dry_run: bool) -> Command {
    let mut command = Command::new("python3");
    command.arg(carry.join("run.py")).arg("--out").arg(out);
    command.arg("--libtorch").arg(setup::libtorch_folder());
    if dry_run {
        command.arg("--cpu");
    }
    command
}

/// Fills the folder from nothing; returns its bytes.
fn gather(programs: &Programs, carry: &Path) -> Result<u64> {
    if carry.exists() {
        fs::remove_dir_all(carry).with_context(|| format!("cannot empty {}", carry.display()))?;
    }
    let mut bytes = 0;
    let mut add = |from: &Path, to: &str| -> Result<PathBuf> {
        let to = carry.join(to);
        fs::create_dir_all(to.parent().unwrap_or(carry)).with_context(|| format!("cannot make {}", to.display()))?;
        fs::copy(from, &to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
        bytes += strip(&to)?;
        Ok(to)
    };
    for program in [programs.trainer(&[]), programs.device(&[])] {
        let path = Path::new(program.get_program());
        add(path, &format!("bin/{}", path.file_name().unwrap_or_default().display()))?;
    }
    for name in setup::DATASET_FILES {
        add(&setup::dataset_path(name)?, &format!("fashion-mnist/{name}"))?;
    }
    if let Some(loader) = setup::vulkan_loader() {
        add(&loader, "lib/libvulkan.so.1")?;
    } else {
        println!("note: no libvulkan.so.1 found to carry; the other machine needs its own");
    }
    add(&workspace::root().join("xtask/src/gpu/run.py"), "run.py")?;
    ensure!(bytes <= MAX_BYTES, "{} holds {bytes} bytes, {MAX_BYTES} can be carried", carry.display());
    Ok(bytes)
}

/// Removes symbols from a program or library; returns the bytes of the file.
fn strip(path: &Path) -> Result<u64> {
    let is_elf = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?.starts_with(b"\x7fELF");
    if is_elf {
        process::run(Command::new("strip").arg("--strip-unneeded").arg(path))?;
    }
    match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(error) => bail!("cannot read {}: {error}", path.display()),
    }
}
