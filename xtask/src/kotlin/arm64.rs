//! The library for arm64 Linux, linked as Android's is: its pages and its size stand for those of a phone.

use super::{build, check};
use crate::setup;
use crate::wasm::{debian_cargo, ensure_debian_compiler};
use anyhow::Result;

const TARGET: &str = "aarch64-unknown-linux-gnu";

/// Builds it with Debian's compiler, which brings the sources of the standard library, and checks it.
pub fn check_library() -> Result<()> {
    ensure_debian_compiler()?;
    setup::arm64_linker()?;
    let mut cargo = debian_cargo();
    cargo.arg("-Zbuild-std=std,panic_unwind");
    cargo.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", setup::ARM64_LINKER);
    check(&build(cargo, Some(TARGET))?)
}
