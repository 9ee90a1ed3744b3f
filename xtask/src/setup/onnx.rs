//! A Python that can check and run ONNX files, in an environment of its own under target/.

use super::{python, whole_folder};
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// All that is installed, with what each of them needs: a later release of any must not change what a check says.
const PACKAGES: [&str; 8] = [
    "numpy==2.4.6",
    "onnx==1.23.2",
    "onnxruntime==1.32.0",
    "flatbuffers==25.12.19",
    "ml-dtypes==0.6.0",
    "packaging==26.3",
    "protobuf==7.36.2",
    "typing-extensions==4.16.0",
];

/// Imports what callers import, and says the versions.
const PROBE: &str =
    "import numpy, onnx, onnxruntime; print(numpy.__version__, onnx.__version__, onnxruntime.__version__)";

/// The interpreter; made at the first call, and made anew when something in it no longer imports.
pub fn python() -> Result<PathBuf> {
    let folder = workspace::target().join("onnx-python");
    let interpreter = folder.join("bin/python");
    if works(&interpreter) {
        return Ok(interpreter);
    }
    if folder.exists() {
        println!("setup: {} is damaged or of another version; making it anew", folder.display());
        fs::remove_dir_all(&folder).with_context(|| format!("could not remove {}", folder.display()))?;
    }
    whole_folder::make(&folder, fill)?;
    if !works(&interpreter) {
        bail!(
            "{} was made, but does not import onnx and onnxruntime; remove the folder and try again",
            folder.display()
        );
    }
    Ok(interpreter)
}

fn works(interpreter: &Path) -> bool {
    let pinned = |name: &str| PACKAGES.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix("=="));
    let expected: Vec<&str> = ["numpy", "onnx", "onnxruntime"].into_iter().filter_map(pinned).collect();
    process::answer(&interpreter.to_string_lossy(), &["-c", PROBE]).is_some_and(|found| found == expected.join(" "))
}

fn fill(part: &Path) -> Result<()> {
    let system = python::with_pip()?;
    if process::answer(&system, &["-c", "import sys; assert sys.version_info >= (3, 11)"]).is_none() {
        bail!("onnxruntime needs Python 3.11 or newer: put such a `python3` first on the PATH and run this again");
    }
    println!("setup: a Python with onnx and onnxruntime (52 MB to fetch, 190 MB on disk)");
    // Without pip in it: the pip that runs here fills it, so that Debian's python3-venv is not needed.
    process::run(Command::new(&system).args(["-m", "venv", "--without-pip"]).arg(part))?;
    let interpreter = part.join("bin/python").to_string_lossy().into_owned();
    let libraries = process::answer(&interpreter, &["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
        .with_context(|| format!("{interpreter} does not start"))?;
    let mut install = Command::new(&system);
    install.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir"]);
    // pip warns that other packages of the machine's Python would not like these versions; they never meet.
    install.args(["--only-binary=:all:", "--no-warn-conflicts", "--target", &libraries]).args(PACKAGES);
    // pip warns of running as root, which harms nothing in a folder of its own.
    install.env("PIP_ROOT_USER_ACTION", "ignore");
    process::run(&mut install).context("could not install onnxruntime; does pip reach a package index?")
}
