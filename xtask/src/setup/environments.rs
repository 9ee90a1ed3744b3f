//! The Pythons that check exported files and run other engines.

use super::pip::Environment;
use super::requirements;
use crate::process;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

const ONNX: Environment = Environment {
    folder: "onnx-python",
    packages: requirements::ONNX,
    modules: &["numpy", "onnx", "onnxruntime"],
    size: "52 MB to fetch, 190 MB on disk",
};

const PEERS: Environment = Environment {
    folder: "peers-python",
    packages: requirements::PEERS,
    modules: &["numpy", "onnxruntime", "ncnn"],
    size: "86 MB to fetch, 250 MB on disk",
};

const TORCH: Environment = Environment {
    folder: "torch-python",
    packages: requirements::TORCH,
    modules: &["torch"],
    size: "2.5 GB to fetch, 5 GB on disk",
};

const SDK: Environment = Environment {
    folder: "sdk-python",
    packages: requirements::SDK,
    modules: &["maturin", "numpy", "PIL", "matplotlib", "mypy"],
    size: "70 MB to fetch, 290 MB on disk",
};

const SWIFT: Environment = Environment {
    folder: "swift-python",
    packages: requirements::SWIFT,
    modules: &["tree_sitter", "tree_sitter_swift"],
    size: "1 MB to fetch, 4 MB on disk",
};

/// Returns an interpreter that parses Swift.
pub fn swift_python() -> Result<PathBuf> {
    SWIFT.ensure()
}

/// Returns an interpreter that builds the wheel of the SDK and tests it.
pub fn sdk_python() -> Result<PathBuf> {
    SDK.ensure()
}

/// Returns an interpreter that imports torch.
pub fn torch_python() -> Result<PathBuf> {
    TORCH.ensure()
}

/// Whether [`torch_python`] has nothing to fetch.
pub fn has_torch_python() -> bool {
    TORCH.is_there()
}

/// Returns an interpreter that imports numpy, onnx and onnxruntime.
pub fn onnx() -> Result<PathBuf> {
    ONNX.ensure()
}

/// The engines that `cargo xtask bench --peers` compares.
pub struct Peers {
    /// Imports `ncnn` and `onnxruntime`.
    pub python: PathBuf,
    /// Converts ONNX to ncnn's format.
    pub pnnx: PathBuf,
}

/// Installs the engines that are missing.
pub fn peers() -> Result<Peers> {
    let python = PEERS.ensure()?;
    let ask = ["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"];
    let libraries =
        process::answer(&python.to_string_lossy(), &ask).context("the Python of the peers does not start")?;
    let pnnx = Path::new(&libraries).join("pnnx/pnnx");
    ensure!(pnnx.is_file(), "{} is missing: pnnx has no converter for this system", pnnx.display());
    Ok(Peers { python, pnnx })
}
