//! The library for arm64 Linux, linked as Android's is: its pages and its size stand for those of a phone.

use super::{build, check};
use crate::arm64;
use anyhow::Result;

/// Builds and checks it.
pub fn check_library() -> Result<()> {
    check(&build(arm64::cargo("")?, Some(arm64::TARGET), &arm64::linker_flags()?)?)
}
