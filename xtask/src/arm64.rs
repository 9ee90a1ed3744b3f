//! Building for arm64 Linux: with Debian's compiler, which brings the sources of the standard library, and with rustup's
//! copy of LLVM's linker, which the NDK has too.

use crate::wasm::{debian_cargo, ensure_debian_compiler};
use crate::{process, setup};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

/// Rust's name of the platform.
pub const TARGET: &str = "aarch64-unknown-linux-gnu";

/// The folder of LLVM's linker, in that of a compiler of rustup.
const LLVM_LINKER: &str = "lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld";

/// A cargo that builds for it, with a subcommand if that is not empty.
pub fn cargo(subcommand: &str) -> Result<Command> {
    ensure_debian_compiler()?;
    setup::arm64_linker()?;
    let mut cargo = debian_cargo();
    if !subcommand.is_empty() {
        cargo.arg(subcommand);
    }
    cargo.arg("-Zbuild-std=std,panic_unwind");
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", setup::ARM64_LINKER);
    Ok(cargo)
}

/// Flags of rustc that choose the linker.
pub fn linker_flags() -> Result<Vec<String>> {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let sysroot = process::answer(&rustc, &["--print", "sysroot"]).context("rustc does not start")?;
    let folder = Path::new(&sysroot).join(LLVM_LINKER);
    ensure!(folder.is_dir(), "{} is missing: this needs a compiler of rustup on x86-64 Linux", folder.display());
    Ok(vec![format!("-Clink-arg=-B{}", folder.display()), "-Clink-arg=-fuse-ld=lld".to_owned()])
}
