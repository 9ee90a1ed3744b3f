//! libtorch, out of the PyPI wheels, in a layout that tch links on any machine.
//!
//! ```text
//! target/libtorch -> torch-2.11.0-cpu/link       the folder that LIBTORCH in .cargo/config.toml names
//! target/torch-2.11.0-cpu/torch/{lib,include}    from the torch wheel
//! target/torch-2.11.0-cpu/nvidia/*/lib           from the nvidia wheels; torch's libraries look for them here
//! target/torch-2.11.0-cpu/link/{lib,include}     links to the torch folders, without libtorch_cuda.so
//! ```
//!
//! torch-sys links `libtorch_cuda` as soon as it sees the file, and such a binary does not start without CUDA. `link`
//! hides it; the trainer loads it at run time where there is a driver. So the same binary runs on both kinds of
//! machine, and the `cpu` set (without the CUDA libraries) and the `cuda` set can be exchanged without a rebuild.

use super::{pip, requirements, whole_folder};
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The version that the `tch` in Cargo.toml is generated for; torch-sys compares it with `build-version`.
const VERSION: &str = "2.11.0";

/// The wheels that libtorch_cpu.so needs even where there is no GPU: it comes from the CUDA build, so that one binary
/// serves both devices. libtorch_cuda.so needs all of the list, in the versions that torch 2.11.0 pins (through cuda-toolkit
/// 13.0.2).
const CPU_WHEELS: [&str; 3] = ["torch", "nvidia-cuda-runtime", "nvidia-cuda-cupti"];

/// The files that libtorch_cpu.so needs at load time (readelf -d): half of the 1.1 GB that the torch wheel unpacks to.
const CPU_FILES: [&str; 6] = [
    "torch/include/*",
    "torch/lib/libtorch_cpu.so",
    "torch/lib/libc10.so",
    "torch/lib/libgomp.so.1",
    "nvidia/*/libcudart.so.13",
    "nvidia/*/libcupti.so.13",
];
const CUDA_FILES: [&str; 3] = ["torch/include/*", "torch/lib/*.so*", "nvidia/*/lib/*.so*"];

/// Installs the libraries that this machine can use, unless they are there, and returns a description.
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
    let cuda = force_cuda || has_nvidia_driver() || folder("cuda").exists();
    let (name, described) = if cuda { ("cuda", "with CUDA") } else { ("cpu", "CPU only (no NVIDIA driver found)") };
    if !folder(name).exists() {
        whole_folder::make(&folder(name), |part| fill(part, cuda))?;
    }
    point(&link, &folder(name))?;
    if cuda {
        let _ = fs::remove_dir_all(folder("cpu")); // only disk space, now that nothing links to it
    }
    Ok(format!("{VERSION}, {described}, in {}", link.display()))
}

fn folder(kind: &str) -> PathBuf {
    workspace::target().join(format!("torch-{VERSION}-{kind}"))
}

/// Whether the machine has an NVIDIA GPU with its driver.
pub fn has_nvidia_driver() -> bool {
    Path::new("/proc/driver/nvidia/version").exists() || process::answer("nvidia-smi", &["-L"]).is_some()
}

/// Fetches the wheels and lays their files out.
fn fill(part: &Path, cuda: bool) -> Result<()> {
    let (size, files) =
        if cuda { ("2 GB to fetch, 4 GB", &CUDA_FILES[..]) } else { ("0.5 GB to fetch, 0.6 GB", &CPU_FILES[..]) };
    println!("setup: libtorch {VERSION} ({size} on disk)");
    let wheels = pip::lines(requirements::LIBTORCH, |name| cuda || CPU_WHEELS.contains(&name));
    let wheels: Vec<&str> = wheels.iter().map(String::as_str).collect();
    pip::unpack(&wheels, files, part).context("libtorch is missing")?;
    make_link_folder(part)
}

/// Makes `link/`, which holds only what the linker and the binaries may see.
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
fn point(link: &Path, folder: &Path) -> Result<()> {
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
