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

const TORCH: Environment = Environment {
    folder: "torch-python",
    packages: &[
        "cuda-bindings==13.5.0",
        "cuda-pathfinder==1.9.1",
        "cuda-toolkit==13.0.2",
        "filelock==4.3.1",
        "fsspec==2026.9.0",
        "Jinja2==3.1.6",
        "MarkupSafe==3.0.4",
        "mpmath==1.3.0",
        "networkx==3.6.1",
        "numpy==2.4.6",
        "nvidia-cublas==13.1.0.3",
        "nvidia-cuda-cupti==13.0.85",
        "nvidia-cuda-nvrtc==13.0.88",
        "nvidia-cuda-runtime==13.0.96",
        "nvidia-cudnn-cu13==9.19.0.56",
        "nvidia-cufft==12.0.0.61",
        "nvidia-cufile==1.15.1.6",
        "nvidia-curand==10.4.0.35",
        "nvidia-cusolver==12.0.4.66",
        "nvidia-cusparse==12.6.3.3",
        "nvidia-cusparselt-cu13==0.8.0",
        "nvidia-nccl-cu13==2.28.9",
        "nvidia-nvjitlink==13.0.88",
        "nvidia-nvshmem-cu13==3.4.5",
        "nvidia-nvtx==13.0.85",
        "sympy==1.14.0",
        "torch==2.11.0",
        "triton==3.6.0",
        "typing_extensions==4.16.0",
    ],
    modules: &["torch"],
    size: "2.5 GB to fetch, 5 GB on disk",
};

const SDK: Environment = Environment {
    folder: "sdk-python",
    packages: &[
        "maturin==1.16.0",
        "numpy==2.4.6",
        "pillow==13.0.0",
        "matplotlib==3.11.2",
        "contourpy==1.3.3",
        "cycler==0.12.1",
        "fonttools==4.68.0",
        "kiwisolver==1.5.1",
        "packaging==26.4",
        "pyparsing==3.3.3",
        "python-dateutil==4.0.0",
        "tzdata==2026.6",
        "mypy==2.4.1",
        "ast-serialize==0.13.1",
        "librt==0.17.0",
        "mypy_extensions==1.2.0",
        "pathspec==1.1.1",
        "typing_extensions==4.16.0",
    ],
    modules: &["maturin", "numpy", "PIL", "matplotlib", "mypy"],
    size: "70 MB to fetch, 290 MB on disk",
};

const SWIFT: Environment = Environment {
    folder: "swift-python",
    packages: &["tree-sitter==0.26.1", "tree-sitter-swift==0.7.4"],
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
