//! `cargo xtask c`: the library for C and C++ with its header, its pkg-config file and its CMake package.

mod layout;

use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use layout::Built;
use std::path::PathBuf;
use std::process::Stdio;

/// Flags of `cargo xtask c`.
#[derive(clap::Args)]
pub struct Options {
    /// The folder to install into; made if missing
    #[arg(long, value_name = "DIR", default_value = "target/c")]
    prefix: PathBuf,
    /// The platform to build for, such as aarch64-linux-android; its linker must be set up
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
}

/// The beginning of the line in which rustc names the libraries of the system.
const SYSTEM_LIBRARIES: &str = "note: native-static-libs: ";

/// Builds the library and lays it out.
pub fn run(options: &Options) -> Result<()> {
    let mut build = workspace::cargo(&["rustc", "--release", "--package", "nestling-c", "--lib"]);
    let mut folder = workspace::target();
    if let Some(target) = &options.target {
        build.args(["--target", target]);
        folder.push(target);
    }
    build.args(["--", "--print", "native-static-libs"]).env("CARGO_TARGET_DIR", workspace::target());
    let shown = process::display(&build);
    let output = build.stderr(Stdio::piped()).output().with_context(|| format!("could not start `{shown}`"))?;
    let messages = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("`{shown}` failed ({})\n{messages}", output.status);
    }
    let system_libraries = messages.lines().find_map(|line| line.strip_prefix(SYSTEM_LIBRARIES));
    let built = Built {
        libraries: &folder.join("release"),
        system_libraries: system_libraries.context("rustc named no libraries of the system")?.trim(),
        binding: &workspace::root().join("device-runtime/bindings/c"),
        version: env!("CARGO_PKG_VERSION"),
    };
    let prefix = workspace::root().join(&options.prefix);
    for file in built.lay_out(&prefix)? {
        println!("{}", file.display());
    }
    Ok(())
}
