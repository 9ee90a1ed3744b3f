//! The dataset that demos, tests and benchmarks train on, as Debian packages it.

use anyhow::{Result, bail};
use std::path::{Path, PathBuf};

/// The Debian and Ubuntu package.
pub const PACKAGE: &str = "dataset-fashion-mnist";

/// The folder into which that package puts the files, and in which the trainer looks for them.
const FOLDER: &str = "/usr/share/datasets/fashion-mnist";

/// The four files.
pub const FILES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

/// Returns the folder if all four files are in it.
pub fn find() -> Option<PathBuf> {
    let folder = Path::new(FOLDER);
    FILES.iter().all(|file| folder.join(file).is_file()).then(|| folder.to_path_buf())
}

/// Returns the folder, or an error that says how to make it.
pub fn require() -> Result<PathBuf> {
    match find() {
        Some(folder) => Ok(folder),
        None => bail!("Fashion-MNIST is not in {FOLDER}. Copy these four files there: {}", FILES.join(", ")),
    }
}
