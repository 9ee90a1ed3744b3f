//! `cargo xtask setup`: installs what the workspace needs to build, train and draw.
//!
//! Every step first checks whether it is done, so [`ensure`] costs milliseconds on a machine that is ready.

mod arm64;
mod browser;
mod c_tools;
mod cargo_deny;
mod environments;
mod fashion_mnist;
mod kotlin;
mod libtorch;
mod openclipart;
mod packages;
mod photo;
mod pip;
mod requirements;
mod vulkan;
mod whole_folder;

use crate::{process, workspace};
use anyhow::Result;
use std::path::PathBuf;

pub use arm64::{Arm64, emulator_version, ensure as arm64};
pub use browser::ensure as browser;
pub use c_tools::ensure as c_tools;
pub use cargo_deny::ensure as cargo_deny;
pub use environments::{Peers, has_torch_python, onnx as onnx_python, peers, sdk_python, swift_python, torch_python};
pub use fashion_mnist::FILES as DATASET_FILES;
pub use kotlin::ensure as kotlin;
pub use libtorch::has_nvidia_driver;
pub use openclipart::ensure as openclipart;
pub use photo::{Photo, ensure as photo};
pub use pip::python as pip_python;
pub use vulkan::{has_only_lavapipe, loader as vulkan_loader, swiftshader};

/// Flags of `cargo xtask setup`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Take libtorch's CUDA libraries even where no NVIDIA driver is found (to prepare an image for another machine).
    #[arg(long)]
    pub cuda: bool,
    /// Also make a private Python with onnx and onnxruntime, which checks exported ONNX files.
    #[arg(long)]
    pub onnx: bool,
    /// Also make a private Python that builds and tests the Python package, with NumPy, Pillow and Matplotlib.
    #[arg(long)]
    pub python: bool,
    /// Also fetch Kotlin's compiler, which builds and tests the Kotlin package.
    #[arg(long)]
    pub kotlin: bool,
    /// Also make a private Python that parses Swift, which tests the Swift package.
    #[arg(long)]
    pub swift: bool,
    /// Also install a compiler for the web and Chromium, which build and test the package for browsers.
    #[arg(long)]
    pub web: bool,
}

/// Installs what is missing and prints what is there.
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
    if options.python {
        println!("python    {}", sdk_python()?.display());
    }
    if options.kotlin {
        println!("kotlin    {}", kotlin()?.display());
    }
    if options.swift {
        println!("swift     {}", swift_python()?.display());
    }
    if options.web {
        web_compiler()?;
        browser()?;
    }
    Ok(())
}

/// Installs what every command that trains or draws needs.
pub fn ensure() -> Result<()> {
    run(&Options::default())
}

/// Debian's compiler for the web and the sources of the standard library, which it builds itself.
pub const WEB_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// Installs Debian's compiler for the web.
pub fn web_compiler() -> Result<()> {
    packages::install(&WEB_PACKAGES)
}

/// Installs the compiler that reads the types of the package for browsers.
pub fn typescript() -> Result<()> {
    if process::answer("tsc", &["--version"]).is_none() { packages::install(&["node-typescript"]) } else { Ok(()) }
}

/// Installs a linker for arm64 Linux, and its C library.
pub fn arm64_linker() -> Result<()> {
    match process::answer(ARM64_LINKER, &["--version"]) {
        Some(_) => Ok(()),
        None => packages::install(&["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"]),
    }
}

/// The program that [`arm64_linker`] installs.
pub const ARM64_LINKER: &str = "aarch64-linux-gnu-gcc";

/// Returns the path of one of Fashion-MNIST's four files.
pub fn dataset_file(name: &str) -> Result<String> {
    Ok(dataset_path(&format!("{name}.gz"))?.to_string_lossy().into_owned())
}

/// Returns the path of one of [`DATASET_FILES`].
pub fn dataset_path(name: &str) -> Result<PathBuf> {
    Ok(fashion_mnist::require()?.join(name))
}

/// Returns the folder of `libtorch_cpu.so`.
pub fn libtorch_folder() -> PathBuf {
    let own = std::env::var_os("LIBTORCH").map(PathBuf::from);
    own.unwrap_or_else(|| workspace::target().join("libtorch")).join("lib")
}
