//! The Pythons that check exported files and run other engines.

use super::pip::Environment;
use crate::process;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};

const ONNX: Environment = Environment {
    folder: "onnx-python",
    packages: &[
        "numpy==2.4.6",
        "onnx==1.23.2",
        "onnxruntime==1.32.0",
        "flatbuffers==25.12.19",
        "ml-dtypes==0.6.0",
        "packaging==26.3",
        "protobuf==7.36.2",
        "typing-extensions==4.16.0",
    ],
    modules: &["numpy", "onnx", "onnxruntime"],
    size: "52 MB to fetch, 190 MB on disk",
};

const PEERS: Environment = Environment {
    folder: "peers-python",
    packages: &[
        "numpy==2.4.6",
        "onnxruntime==1.32.0",
        "flatbuffers==25.12.19",
        "packaging==26.3",
        "protobuf==7.36.2",
        "ncnn==1.0.20261020",
        // Only its converter, a program; the module would need torch.
        "pnnx==20261020",
    ],
    modules: &["numpy", "onnxruntime", "ncnn"],
    size: "86 MB to fetch, 250 MB on disk",
};

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
