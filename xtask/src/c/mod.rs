//! `cargo xtask c`: the library for C and C++ with its header, its pkg-config file and its CMake package.

mod layout;

use crate::small::{self, PROFILE};
use crate::{process, workspace};
use anyhow::{Context, Result};
use layout::Built;
use std::path::PathBuf;
use std::process::Command;

/// Flags of `cargo xtask c`.
#[derive(clap::Args)]
pub struct Options {
    /// The folder to install into; made if missing
    #[arg(long, value_name = "DIR", default_value = "target/c")]
    prefix: PathBuf,
    /// The platform to build for, such as aarch64-linux-android; its linker must be set up
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Build quickly and without most optimisations, for a try
    #[arg(long)]
    debug: bool,
}

/// The beginning of the line in which rustc names the libraries of the system.
const SYSTEM_LIBRARIES: &str = "note: native-static-libs: ";

/// Builds the library and lays it out.
pub fn run(options: &Options) -> Result<()> {
    process::run(&mut build(options))?;
    // The same again does nothing but repeat rustc's notes.
    let output = build(options).output().context("could not start cargo")?;
    let notes = String::from_utf8_lossy(&output.stderr);
    let system_libraries = notes.lines().find_map(|line| line.strip_prefix(SYSTEM_LIBRARIES));
    let folder = options.target.iter().fold(workspace::target(), |folder, target| folder.join(target));
    let built = Built {
        libraries: &folder.join(if options.debug { "debug" } else { PROFILE }),
        system_libraries: system_libraries.context("rustc named no libraries of the system")?.trim(),
        binding: &workspace::root().join("device-runtime/bindings/c"),
        version: env!("CARGO_PKG_VERSION"),
    };
    for file in built.lay_out(&workspace::root().join(&options.prefix))? {
        println!("{}", file.display());
    }
    Ok(())
}

fn build(options: &Options) -> Command {
    let mut build = workspace::cargo(&["rustc", "--package", "nestling-c", "--lib"]);
    // Without the Rust library of the tests, which link-time optimisation does not know.
    build.args(["--crate-type", "cdylib,staticlib"]).env("CARGO_TARGET_DIR", workspace::target());
    if let Some(target) = &options.target {
        build.args(["--target", target]);
    }
    if options.debug {
        build.args(["--", "--print", "native-static-libs"]);
        return build;
    }
    let flags = match options.target.as_deref() {
        None => small::flags_of_host(),
        Some(target) if target.contains("android") => small::flags_of_android(),
        Some(_) => small::FLAGS.to_vec(),
    };
    build.args(["--profile", PROFILE, "--", "--print", "native-static-libs"]).args(flags);
    build
}
