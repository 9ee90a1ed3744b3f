//! `cargo xtask cross`: other devices, as far as this machine can stand for them.

mod log;
mod parity;

use crate::programs::write_text;
use crate::small::{self, PROFILE};
use crate::{arm64, process, setup, wasm, workspace};
use anyhow::{Context, Result, ensure};
use log::Log;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Flags of `cargo xtask cross`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Write docs/cross.md
    #[arg(long)]
    log: bool,
}

/// Largest difference of a logit, over the largest logit of its picture: as for golden pictures.
const TOLERANCE: f64 = 1e-3;

/// Pictures that both machines classify with every child.
const PICTURES: usize = 64;

/// Platforms for which the SDK is type-checked: neither linked nor run.
const CHECKED: [&str; 2] = ["aarch64-linux-android", "aarch64-apple-ios"];

/// Packages that apps of those platforms link.
const PACKAGES: [&str; 2] = ["nestling-uniffi", "nestling-c"];

/// Builds, runs, compares, checks; writes the log last.
pub fn run(options: &Options) -> Result<()> {
    let mut log = Log::default();
    log.fact("compiler", &process::answer("/usr/bin/rustc", &["--version"]).unwrap_or_default());
    let start = Instant::now();
    let programs = Programs { host: device_for_host()?, arm64: device_for_arm64()?, emulated: setup::arm64()? };
    log.fact("emulator", &setup::emulator_version());
    let bytes = fs::metadata(&programs.arm64).context("the program is missing")?.len();
    let outcome = format!("{:.1} MB, stripped", bytes as f64 / 1e6);
    log.step("`nestling-device` built for arm64 Linux", start.elapsed(), &outcome);
    parity::compare(&programs, &mut log)?;
    for target in CHECKED {
        let start = Instant::now();
        check(target)?;
        let packages = PACKAGES.map(|package| format!("`{package}`")).join(" and ");
        log.step(&format!("{packages} type-checked for `{target}`"), start.elapsed(), "no error");
    }
    print!("{}", log.text());
    if options.log {
        let path = workspace::root().join("docs/cross.md");
        write_text(&path, &log.text())?;
    }
    Ok(())
}

/// The same program for both machines.
pub struct Programs {
    host: PathBuf,
    arm64: PathBuf,
    emulated: setup::Arm64,
}

impl Programs {
    /// A command for this machine.
    pub fn host(&self) -> Command {
        let mut command = Command::new(&self.host);
        command.env("MESA_SHADER_CACHE_DISABLE", "true");
        command
    }

    /// A command for arm64.
    pub fn arm64(&self) -> Command {
        self.emulated.command(&self.arm64)
    }
}

/// Builds `nestling-device` for this machine, as wheels carry it.
pub fn device_for_host() -> Result<PathBuf> {
    let target = workspace::target();
    let mut build = workspace::cargo(&["rustc", "--package", "nestling-lab", "--bin", "nestling-device"]);
    build.args(["--profile", PROFILE, "--target-dir"]).arg(&target);
    process::run(build.arg("--").args(small::flags_of_host()))?;
    Ok(target.join(PROFILE).join("nestling-device"))
}

/// Builds `nestling-device` for arm64 Linux.
pub fn device_for_arm64() -> Result<PathBuf> {
    let target = workspace::target();
    let mut build = arm64::cargo("rustc")?;
    build.args(["--package", "nestling-lab", "--bin", "nestling-device", "--profile", PROFILE, "--target"]);
    build.arg(arm64::TARGET).arg("--target-dir").arg(&target);
    process::run(build.arg("--").args(small::flags_of_host()).args(arm64::linker_flags()?))?;
    let program = target.join(arm64::TARGET).join(PROFILE).join("nestling-device");
    ensure!(is_arm64(&program)?, "{} is no program for arm64", program.display());
    Ok(program)
}

/// Whether a file's header names the processor.
fn is_arm64(program: &Path) -> Result<bool> {
    let bytes = fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    Ok(bytes.starts_with(b"\x7fELF") && bytes.get(18..20) == Some(&[183, 0]))
}

/// Type-checks the SDK for a platform, with the standard library's sources.
fn check(target: &str) -> Result<()> {
    wasm::ensure_debian_compiler()?;
    let mut check = wasm::debian_cargo();
    check.args(["check", "-Zbuild-std=std,panic_unwind", "--target", target, "--target-dir"]);
    check.arg(workspace::target().join("cross"));
    for package in PACKAGES {
        check.args(["--package", package]);
    }
    process::run(check.env("RUSTFLAGS", "--deny warnings"))
}
