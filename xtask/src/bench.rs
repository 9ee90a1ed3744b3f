//! `cargo xtask bench`: how fast the trainer's step and the device's children are.

use crate::programs::{Programs, json, write_json};
use crate::{setup, workspace};
use anyhow::{Context, Result};
use serde_json::json;

/// Flags of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Options {
    /// Bundle whose children are timed
    #[arg(long, default_value = "examples/assets/fashion.nestling")]
    bundle: String,
}

/// Measures, prints and writes `target/bench/bench.json`.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure()?;
    let programs = Programs::build()?;
    let folder = workspace::target().join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    println!("\n== device");
    let device = json(programs.device(&["bench", &options.bundle]))?;
    println!("\n== trainer");
    let trainer = json(programs.trainer(&["bench"]))?;
    let path = folder.join("bench.json");
    write_json(&path, &json!({ "device": device, "trainer": trainer }))?;
    println!("{}", serde_json::to_string_pretty(&json!({ "device": device, "trainer": trainer }))?);
    println!("written to {}", path.display());
    Ok(())
}
