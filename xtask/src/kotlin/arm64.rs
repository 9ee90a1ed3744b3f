//! The library for arm64 Linux, linked as Android's is: its pages and its size stand for those of a phone.

use super::{build, check};
use crate::wasm::{debian_cargo, ensure_debian_compiler};
use crate::{process, setup};
use anyhow::{Context, Result, ensure};
use std::path::Path;

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// The folder of LLVM's linker, in that of a compiler of rustup.
const LLVM_LINKER: &str = "lib/rustlib/x86_64-unknown-linux-gnu/bin/gcc-ld";

/// Builds it with Debian's compiler, which brings the sources of the standard library, and with rustup's copy of LLVM's
/// linker, which the NDK has too; checks it.
pub fn check_library() -> Result<()> {
    ensure_debian_compiler()?;
    setup::arm64_linker()?;
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let sysroot = process::answer(&rustc, &["--print", "sysroot"]).context("rustc does not start")?;
    let folder = Path::new(&sysroot).join(LLVM_LINKER);
    ensure!(folder.is_dir(), "{} is missing: this check needs a compiler of rustup on x86-64 Linux", folder.display());
    let linker = [format!("-Clink-arg=-B{}", folder.display()), "-Clink-arg=-fuse-ld=lld".to_owned()];
    let mut cargo = debian_cargo();
    cargo.arg("-Zbuild-std=std,panic_unwind");
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", setup::ARM64_LINKER);
    check(&build(cargo, Some(TARGET), &linker)?)
}
