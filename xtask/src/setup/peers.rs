//! The engines that `cargo xtask bench --peers` measures beside this one, in a Python of their own.

use super::private_python::{self, PrivatePython};
use anyhow::{Result, bail};
use std::path::PathBuf;

const PYTHON: PrivatePython = PrivatePython {
    folder: "peers-python",
    packages: &[
        "numpy==2.4.6",
        "onnxruntime==1.32.0",
        "flatbuffers==25.12.19",
        "packaging==26.3",
        "protobuf==7.36.2",
        "ncnn==1.0.20261020",
        // Only for its converter, a program: the module wants torch, which is left out.
        "pnnx==20261020",
    ],
    modules: &["numpy", "onnxruntime", "ncnn"],
    size: "86 MB to fetch, 250 MB on disk",
};

/// The engines.
pub struct Peers {
    /// Imports `ncnn` and `onnxruntime`.
    pub python: PathBuf,
    /// Turns ONNX into ncnn's format.
    pub pnnx: PathBuf,
}

/// Installs what is missing.
pub fn ensure() -> Result<Peers> {
    let python = PYTHON.ensure()?;
    let pnnx = private_python::libraries(&python)?.join("pnnx/pnnx");
    if !pnnx.is_file() {
        bail!("{} is missing: this release of pnnx has no converter for this system", pnnx.display());
    }
    Ok(Peers { python, pnnx })
}
