//! `cargo xtask setup`: what must be on the machine before the workspace builds, trains and draws.
//!
//! Every step first looks whether it is already done, so [`ensure`] costs milliseconds on a machine that is ready.

mod fashion_mnist;
mod libtorch;
mod onnx;
mod packages;
mod peers;
mod photo;
mod private_python;
mod python;
mod shared_library;
mod swiftshader;
mod vulkan;
mod wheels;
mod whole_folder;

use anyhow::Result;
use std::path::PathBuf;

pub use peers::{Peers, ensure as peers};
pub use photo::ensure as photo;
pub use swiftshader::find_or_install as swiftshader;
pub use vulkan::has_only_lavapipe;

/// Flags of `cargo xtask setup`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Take libtorch's CUDA libraries even where no NVIDIA driver is found (to prepare an image for another machine).
    #[arg(long)]
    pub cuda: bool,
    /// Also make a private Python with onnx and onnxruntime, which checks exported ONNX files.
    #[arg(long)]
    pub onnx: bool,
}

/// Does what is missing and says what is there.
pub fn run(options: &Options) -> Result<()> {
    // One call of the package manager for all that is missing: its index is slow to refresh.
    let mut wanted = Vec::new();
    if vulkan::find().is_none() {
        wanted.extend(vulkan::PACKAGES);
    }
    if fashion_mnist::find().is_none() {
        wanted.push(fashion_mnist::PACKAGE);
    }
    packages::install(&wanted)?;
    let vulkan = vulkan::require()?;
    let dataset = fashion_mnist::require()?;
    let libtorch = libtorch::install(options.cuda)?;

    println!("vulkan    {vulkan}");
    println!("dataset   {}", dataset.display());
    println!("libtorch  {libtorch}");
    if options.onnx {
        println!("onnx      {}", onnx_python()?.display());
    }
    Ok(())
}

/// A Python that imports numpy, onnx and onnxruntime; made where it is missing or damaged.
pub fn onnx_python() -> Result<PathBuf> {
    onnx::python()
}

/// Debian's compiler for the web and the sources of its standard library, which it builds itself.
pub const WEB_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Installs Debian's compiler for the web.
pub fn web_compiler() -> Result<()> {
    packages::install(&WEB_PACKAGES)
}

/// What the other commands call first.
pub fn ensure() -> Result<()> {
    run(&Options::default())
}

/// One of the four files of Fashion-MNIST, as its package has it.
pub fn dataset_file(name: &str) -> Result<String> {
    Ok(fashion_mnist::require()?.join(format!("{name}.gz")).to_string_lossy().into_owned())
}
