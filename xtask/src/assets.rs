//! `cargo xtask assets`: rebuilds the trained bundle and the pictures that examples and tests use.

use crate::{demo, process, programs::Programs, workspace};
use anyhow::Result;

/// Numbers of images in the repository's bundle, which keep it below a million bytes.
const IMAGES: [&str; 4] = ["--calibration-images", "256", "--check-images", "176"];

/// Runs the demo, which trains only if no trained run is there, and packs its result into `examples/assets`.
pub fn run() -> Result<()> {
    demo::run(&demo::Options::default())?;
    let assets = workspace::root().join("examples/assets");
    std::fs::create_dir_all(&assets)?;
    let programs = Programs::build()?;
    let (run, bundle) = (workspace::target().join("demo/run"), assets.join("fashion.nestling"));
    let mut pack = programs.trainer(&["pack"]);
    process::run(pack.arg("--run").arg(run).arg("--output").arg(bundle).arg("--replace").args(IMAGES))?;
    process::run(&mut programs.trainer(&["images", "--output", &assets.to_string_lossy()]))
}
