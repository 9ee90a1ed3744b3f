//! `cargo xtask assets`: the trained bundle and the pictures that examples and tests use, made anew.

use crate::{demo, process, programs::Programs, workspace};
use anyhow::{Context, Result};

/// Runs the demo, where it has not run yet, and copies what it made into `examples/assets`.
pub fn run() -> Result<()> {
    demo::run(&demo::Options::default())?;
    let assets = workspace::root().join("examples/assets");
    let bundle = workspace::target().join("demo/fashion.nestling");
    std::fs::create_dir_all(&assets)?;
    let copy = assets.join("fashion.nestling");
    std::fs::copy(&bundle, &copy).with_context(|| format!("cannot copy {} to {}", bundle.display(), copy.display()))?;
    process::run(&mut Programs::build()?.trainer(&["images", "--output", &assets.to_string_lossy()]))
}
