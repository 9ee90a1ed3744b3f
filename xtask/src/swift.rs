//! `cargo xtask swift`: the XCFramework of the Swift package, for phones and their simulator.

use crate::small::{FLAGS, PROFILE};
use crate::{process, workspace};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::process::Command;

/// Rust's names of the phone and of its simulator.
const TARGETS: [&str; 2] = ["aarch64-apple-ios", "aarch64-apple-ios-sim"];

/// Builds the static libraries and puts them, with the header, where `Package.swift` looks for them.
pub fn run() -> Result<()> {
    ensure!(cfg!(target_os = "macos"), "an XCFramework needs macOS with Xcode; the Swift itself is checked in already");
    let (target, package) = (workspace::target(), workspace::root().join("device-runtime/bindings/swift"));
    let framework = package.join("NestlingFFI.xcframework");
    if framework.exists() {
        fs::remove_dir_all(&framework).with_context(|| format!("cannot remove {}", framework.display()))?;
    }
    let mut create = Command::new("xcodebuild");
    create.arg("-create-xcframework");
    for triple in TARGETS {
        let mut build = workspace::cargo(&["rustc", "--package", "nestling-uniffi", "--lib"]);
        build.args(["--crate-type", "staticlib", "--profile", PROFILE, "--target", triple]);
        process::run(build.arg("--target-dir").arg(&target).arg("--").args(FLAGS))?;
        create.arg("-library").arg(target.join(triple).join(PROFILE).join("libnestling_uniffi.a"));
        create.arg("-headers").arg(package.join("include"));
    }
    process::run(create.arg("-output").arg(&framework))
}
