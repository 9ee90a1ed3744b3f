//! The wheels from PyPI that set-up takes, each with its version and the SHA-256 of every file that is accepted.
//!
//! A new version needs new hashes: `pip install --dry-run --report - --no-deps NAME==VERSION` prints that of one system.

/// Checks exported ONNX files.
pub const ONNX: &str = include_str!("requirements/onnx.txt");
/// Other engines. Of pnnx only its converter is used, a program; the module would need torch.
pub const PEERS: &str = include_str!("requirements/peers.txt");
/// Builds and tests the Python package.
pub const SDK: &str = include_str!("requirements/sdk.txt");
/// Parses Swift.
pub const SWIFT: &str = include_str!("requirements/swift.txt");
/// PyTorch, beside which a training step is timed.
pub const TORCH: &str = include_str!("requirements/torch.txt");
/// The libraries that the trainer links.
pub const LIBTORCH: &str = include_str!("requirements/libtorch.txt");

/// All lists with their names.
#[cfg(test)]
pub const ALL: [(&str, &str); 6] =
    [("onnx", ONNX), ("peers", PEERS), ("sdk", SDK), ("swift", SWIFT), ("torch", TORCH), ("libtorch", LIBTORCH)];
