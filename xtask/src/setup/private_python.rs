//! Pythons with pinned packages, each in an environment of its own under target/.

use super::{python, whole_folder};
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What one of them holds.
pub struct PrivatePython {
    /// Its folder's name under target/.
    pub folder: &'static str,
    /// All that is installed, pinned, with what each package needs: a later release of any must not change a result.
    /// Nothing else is installed, whatever a package asks for.
    pub packages: &'static [&'static str],
    /// What must import.
    pub modules: &'static [&'static str],
    /// For a person who waits.
    pub size: &'static str,
}

/// Says the version of each package named as an argument, in order. The packages, not their modules, are asked: some
/// modules import only with what is left out here.
const VERSIONS: &str = "import sys, importlib.metadata as m; print(*[n + '==' + m.version(n) for n in sys.argv[1:]])";

impl PrivatePython {
    /// The interpreter; made at the first call, and made anew when something in it is missing or of another version.
    pub fn ensure(&self) -> Result<PathBuf> {
        let folder = workspace::target().join(self.folder);
        let interpreter = folder.join("bin/python");
        if self.works(&interpreter) {
            return Ok(interpreter);
        }
        if folder.exists() {
            println!("setup: {} is damaged or of another version; making it anew", folder.display());
            fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
        }
        whole_folder::make(&folder, |part| self.fill(part))?;
        if !self.works(&interpreter) {
            let (folder, modules) = (folder.display(), self.modules.join(", "));
            bail!("{folder} was made, but does not import {modules}; remove the folder and try again");
        }
        Ok(interpreter)
    }

    fn works(&self, interpreter: &Path) -> bool {
        let interpreter = interpreter.to_string_lossy();
        let names = self.packages.iter().filter_map(|package| package.split("==").next());
        let ask: Vec<&str> = ["-c", VERSIONS].into_iter().chain(names).collect();
        let imports = format!("import {}", self.modules.join(", "));
        process::answer(&interpreter, &ask).is_some_and(|found| found == self.packages.join(" "))
            && process::answer(&interpreter, &["-c", &imports]).is_some()
    }

    fn fill(&self, part: &Path) -> Result<()> {
        let system = python::with_pip()?;
        if process::answer(&system, &["-c", "import sys; assert sys.version_info >= (3, 11)"]).is_none() {
            bail!("onnxruntime needs Python 3.11 or newer: put such a `python3` first on the PATH and run this again");
        }
        println!("setup: a Python with {} ({})", self.modules.join(", "), self.size);
        // Without pip in it: the pip that runs here fills it, so that Debian's python3-venv is not needed.
        process::run(Command::new(&system).args(["-m", "venv", "--without-pip"]).arg(part))?;
        let libraries = libraries(&part.join("bin/python"))?;
        let mut install = Command::new(&system);
        install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"]);
        // pip warns that other packages of the machine's Python would not like these versions; they never meet.
        install.args(["--only-binary=:all:", "--no-warn-conflicts", "--target"]).arg(libraries).args(self.packages);
        // pip warns of running as root, which harms nothing in a folder of its own.
        install.env("PIP_ROOT_USER_ACTION", "ignore");
        process::run(&mut install).context("could not install packages; does pip reach a package index?")
    }
}

/// The folder that an interpreter's packages are in.
pub fn libraries(interpreter: &Path) -> Result<PathBuf> {
    let interpreter = interpreter.to_string_lossy();
    process::answer(&interpreter, &["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
        .map(PathBuf::from)
        .with_context(|| format!("{interpreter} does not start"))
}
