//! libtorch, out of the PyPI wheels, in a layout that tch links on any machine.
//!
//! ```text
//! target/libtorch -> torch-2.11.0-cpu/link       what LIBTORCH in .cargo/config.toml points at
//! target/torch-2.11.0-cpu/torch/{lib,include}    from the torch wheel
//! target/torch-2.11.0-cpu/nvidia/*/lib           from the nvidia wheels; torch's libraries look for them here
//! target/torch-2.11.0-cpu/link/{lib,include}     links to the former, all but libtorch_cuda.so
//! ```
//!
//! torch-sys links `libtorch_cuda` as soon as it sees the file, and such a binary does not start without CUDA. `link`
//! hides it; the trainer loads it at run time where there is a driver. So the same binary runs on both kinds of
//! machine, and the `cpu` set (without the CUDA libraries) and the `cuda` set can be exchanged without a rebuild.

use super::{python, shared_library, wheels, whole_folder};
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The version that the `tch` in Cargo.toml is generated for; torch-sys compares it with `build-version`.
const VERSION: &str = "2.11.0";

/// What libtorch_cpu.so needs even where there is no GPU. Versions as torch 2.11.0 pins them (through
/// cuda-toolkit 13.0.2).
const CPU_WHEELS: [&str; 3] = ["torch==2.11.0", "nvidia-cuda-runtime==13.0.96.*", "nvidia-cuda-cupti==13.0.85.*"];

/// What libtorch_cuda.so and the libraries that it loads later need on top.
const CUDA_WHEELS: [&str; 12] = [
    "nvidia-cublas==13.1.0.3.*",
    "nvidia-cuda-nvrtc==13.0.88.*",
    "nvidia-cufft==12.0.0.61.*",
    "nvidia-cufile==1.15.1.6.*",
    "nvidia-curand==10.4.0.35.*",
    "nvidia-cusolver==12.0.4.66.*",
    "nvidia-cusparse==12.6.3.3.*",
    "nvidia-nvjitlink==13.0.88.*",
    "nvidia-cudnn-cu13==9.19.0.56",
    "nvidia-cusparselt-cu13==0.8.0",
    "nvidia-nccl-cu13==2.28.9",
    "nvidia-nvshmem-cu13==3.4.5",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Cpu,
    Cuda,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Cpu => "cpu",
            Kind::Cuda => "cuda",
        }
    }

    /// A folder of this name is whole: it is renamed to it last.
    fn folder(self) -> PathBuf {
        workspace::target().join(format!("torch-{VERSION}-{}", self.name()))
    }

    fn wheels(self) -> Vec<&'static str> {
        match self {
            Kind::Cpu => CPU_WHEELS.to_vec(),
            Kind::Cuda => CPU_WHEELS.iter().chain(&CUDA_WHEELS).copied().collect(),
        }
    }
}

/// Installs what this machine can use, unless it is there; says what is there.
pub fn install(force_cuda: bool) -> Result<String> {
    let link = workspace::target().join("libtorch");
    if let Some(own) = std::env::var_os("LIBTORCH").filter(|path| Path::new(path) != link) {
        return Ok(format!("yours, in {} (LIBTORCH); tch expects {VERSION}", Path::new(&own).display()));
    }
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "set-up knows libtorch for x86-64 Linux only. Here, unpack libtorch {VERSION} yourself and set LIBTORCH to \
             the folder that holds its lib and include"
        );
    }
    // The larger set serves a machine without a driver as well.
    let cuda = force_cuda || has_nvidia_driver() || Kind::Cuda.folder().exists();
    let kind = if cuda { Kind::Cuda } else { Kind::Cpu };
    if !kind.folder().exists() {
        whole_folder::make(&kind.folder(), |part| fill(part, kind))?;
    }
    point(&link, kind)?;
    if kind == Kind::Cuda {
        let _ = fs::remove_dir_all(Kind::Cpu.folder()); // only disk space: the link has just left it
    }
    Ok(match kind {
        Kind::Cpu => format!("{VERSION}, CPU only (no NVIDIA driver found), in {}", link.display()),
        Kind::Cuda => format!("{VERSION} with CUDA, in {}", link.display()),
    })
}

fn has_nvidia_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists()
        || shared_library::find("libcuda.so.1").is_some()
        || process::answer("nvidia-smi", &["-L"]).is_some()
}

/// Fetches the wheels, and lays out what the set consists of.
fn fill(part: &Path, kind: Kind) -> Result<()> {
    let python = python::with_pip()?;
    let megabytes = if kind == Kind::Cpu { "0.5 GB to fetch, 0.6 GB" } else { "2 GB to fetch, 4 GB" };
    println!("setup: libtorch {VERSION} for {} ({megabytes} on disk)", kind.name());
    let fetched = part.join("wheels");
    wheels::fetch(&python, &fetched, &kind.wheels()).context("libtorch is missing")?;
    println!("setup: unpacking");
    wheels::unpack(&python, &fetched, part, &[kind.name()])?;
    make_link_folder(part)
}

/// `link/`: what the linker and the binaries may see.
fn make_link_folder(part: &Path) -> Result<()> {
    let lib = part.join("link/lib");
    fs::create_dir_all(&lib).with_context(|| format!("could not make {}", lib.display()))?;
    symlink("../torch/include", part.join("link/include"))?;
    // The libraries themselves stay in place, so that `$ORIGIN/../../nvidia`, their own search path, holds for the
    // links as well: `link/lib` is as deep as `torch/lib`.
    for entry in fs::read_dir(part.join("torch/lib")).context("the torch wheel has no torch/lib")? {
        let name = entry?.file_name();
        // The wheel's libtorch.so is empty but for needing libtorch_cuda.
        if name != "libtorch_cuda.so" && name != "libtorch.so" {
            symlink(Path::new("../../torch/lib").join(&name), lib.join(&name))?;
        }
    }
    // torch-sys asks for -ltorch: this name resolves to the library that holds everything.
    symlink("libtorch_cpu.so", lib.join("libtorch.so"))?;
    fs::write(part.join("link/build-version"), VERSION)?;
    Ok(())
}

/// Makes `target/libtorch` point at the set, in one step.
fn point(link: &Path, kind: Kind) -> Result<()> {
    let folder = kind.folder();
    let to = Path::new(folder.file_name().unwrap_or_default()).join("link");
    if fs::read_link(link).is_ok_and(|now| now == to) {
        return Ok(());
    }
    if link.exists() && !link.is_symlink() {
        bail!("{} is in the way: set-up makes a link of that name. Move it elsewhere", link.display());
    }
    let new = link.with_extension(format!("part-{}", std::process::id()));
    let _ = fs::remove_file(&new);
    symlink(&to, &new)
        .and_then(|()| fs::rename(&new, link))
        .with_context(|| format!("could not link {}", link.display()))
}

#[cfg(unix)]
fn symlink(to: impl AsRef<Path>, link: impl AsRef<Path>) -> io::Result<()> {
    std::os::unix::fs::symlink(to, link)
}

/// Never called: [`install`] has refused by then. It lets the workspace compile on Windows.
#[cfg(not(unix))]
fn symlink(_to: impl AsRef<Path>, _link: impl AsRef<Path>) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
