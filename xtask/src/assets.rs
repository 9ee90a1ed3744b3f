//! `cargo xtask assets`: the trained bundle and the pictures that examples and tests use, made anew.

use crate::{demo, process, programs::Programs, workspace};
use anyhow::{Context, Result};

/// Runs the demo, which trains only where that is not done yet, and copies what it made into `examples/assets`.
pub fn run() -> Result<()> {
    demo::run(&demo::Options::default())?;
    let assets = workspace::root().join("examples/assets");
    let bundle = workspace::target().join("demo/fashion.nestling");
    std::fs::create_dir_all(&assets)?;
    let copy = assets.join("fashion.nestling");
    let temporary = assets.join("fashion.nestling.tmp");
    // By renaming: a full disk must not cost the old bundle.
    std::fs::copy(&bundle, &temporary)
        .and_then(|_| std::fs::rename(&temporary, &copy))
        .with_context(|| format!("cannot copy {} to {}", bundle.display(), copy.display()))?;
    process::run(&mut Programs::build()?.trainer(&["images", "--output", &assets.to_string_lossy()]))
}
