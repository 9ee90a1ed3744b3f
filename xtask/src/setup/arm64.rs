//! An arm64 Linux in a folder, whose programs run on this machine by emulation.
//!
//! Debian's packages are fetched with a state of their own and unpacked: nothing of this machine's changes but the
//! emulator, which is installed.

use super::{packages, whole_folder};
use crate::{process, workspace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program that runs others.
const EMULATOR: &str = "qemu-aarch64";

/// The packages that `nestling-device` needs there: a C library, a Vulkan loader and Mesa's software driver.
const PACKAGES: [&str; 4] = ["libc6", "libgcc-s1", "libvulkan1", "mesa-vulkan-drivers"];

/// The manifest of that driver, below the folder.
const DRIVER: &str = "usr/share/vulkan/icd.d/lvp_icd.aarch64.json";

/// The folder and the emulator.
pub struct Arm64 {
    root: PathBuf,
}

/// Makes what is missing.
pub fn ensure() -> Result<Arm64> {
    if process::answer(EMULATOR, &["--version"]).is_none() {
        packages::install(&["qemu-user"])?;
    }
    ensure!(process::answer(EMULATOR, &["--version"]).is_some(), "{EMULATOR} is missing: install qemu-user");
    let root = workspace::target().join("arm64-root");
    if !root.join(DRIVER).is_file() {
        whole_folder::make(&root, fill)?;
    }
    Ok(Arm64 { root })
}

impl Arm64 {
    /// A command that runs a program for arm64 with Mesa's software driver.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(EMULATOR);
        command.arg("-L").arg(&self.root);
        // The emulator maps paths below its folder, also those in variables of the program.
        command.args(["-E", "LD_LIBRARY_PATH=/usr/lib/aarch64-linux-gnu:/lib/aarch64-linux-gnu"]);
        command.args(["-E", &format!("VK_DRIVER_FILES=/{DRIVER}"), "-E", &format!("VK_ICD_FILENAMES=/{DRIVER}")]);
        command.args(["-E", "MESA_SHADER_CACHE_DISABLE=true"]).arg(program);
        command
    }
}

/// The emulator's version.
pub fn emulator_version() -> String {
    let text = process::answer(EMULATOR, &["--version"]).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

fn fill(part: &Path) -> Result<()> {
    eprintln!("setup: arm64 Linux with Mesa's driver (60 MB to fetch, 270 MB on disk)");
    let apt = part.join("apt");
    for folder in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(apt.join(folder)).with_context(|| format!("could not make {}", apt.display()))?;
    }
    // No package counts as installed.
    fs::write(apt.join("status"), "")?;
    process::run(apt_get(&apt).arg("update")).context("the package index could not be fetched")?;
    let mut download = apt_get(&apt);
    download.args(["install", "--download-only", "--yes", "--no-install-recommends"]);
    process::run(download.args(PACKAGES)).context("the packages for arm64 could not be fetched")?;
    let archives = apt.join("cache/archives");
    for entry in fs::read_dir(&archives).with_context(|| format!("could not read {}", archives.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            process::run(Command::new("dpkg").arg("-x").arg(&path).arg(part))?;
        }
    }
    ensure!(part.join(DRIVER).is_file(), "Mesa's packages have no {DRIVER}");
    Ok(fs::remove_dir_all(apt)?)
}

/// apt with a state and a cache of its own; the servers are this machine's.
fn apt_get(folder: &Path) -> Command {
    let mut apt = Command::new("apt-get");
    apt.args(["--quiet=2", "-o", "APT::Architecture=arm64", "-o", "APT::Architectures=arm64"]);
    for (name, path) in [("Dir::State", "state"), ("Dir::State::status", "status"), ("Dir::Cache", "cache")] {
        apt.arg("-o").arg(format!("{name}={}", folder.join(path).display()));
    }
    // The user that fetches otherwise may not write here.
    apt.args(["-o", "APT::Sandbox::User=root"]).stdout(std::io::stderr());
    apt
}
