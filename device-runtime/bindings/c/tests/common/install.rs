//! Installs the library that cargo built for this test, as `cargo xtask c` does.

#![allow(clippy::unwrap_used, reason = "only tests call this")]

#[path = "../../../../../xtask/src/c/layout.rs"]
mod layout;

use crate::common::{SYSTEM_LIBRARIES, crate_folder, libraries};
use std::path::Path;

pub fn install(prefix: &Path) {
    let built = layout::Built {
        libraries: &libraries(),
        system_libraries: &SYSTEM_LIBRARIES.join(" "),
        binding: &crate_folder(),
        version: env!("CARGO_PKG_VERSION"),
    };
    let files = built.lay_out(prefix).unwrap();
    assert!(files.len() == 6 && files.iter().all(|file| file.is_file()), "{files:?}");
}
