//! A Python that can check and run ONNX files.

use super::private_python::PrivatePython;
use anyhow::Result;
use std::path::PathBuf;

const PYTHON: PrivatePython = PrivatePython {
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

/// The interpreter; made where it is missing or damaged.
pub fn python() -> Result<PathBuf> {
    PYTHON.ensure()
}
