//! `cargo xtask web`: the package for browsers and the example that shows it.

use crate::{process, setup, wasm, workspace};
use anyhow::{Context, Result};
use std::process::Command;

/// Flags of `cargo xtask web`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Serve the example on this machine afterwards, until Ctrl-C
    #[arg(long)]
    serve: bool,
    /// The port of --serve
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// Photograph the example in a headless Chromium afterwards, into docs/web
    #[arg(long)]
    photograph: bool,
}

/// The package whose module pages fetch.
const MODULE: &str = "nestling-web";

/// Builds the package; with a flag also serves or photographs the example.
pub fn run(options: &Options) -> Result<()> {
    let module = wasm::build(MODULE)?;
    process::run(tool().arg("pack").arg("--module").arg(module))?;
    if options.photograph {
        setup::browser()?;
        process::run(tool().arg("photograph"))?;
    }
    if options.serve {
        process::run(tool().args(["serve", "--port", &options.port.to_string()])).context("the server ended")?;
    }
    Ok(())
}

fn tool() -> Command {
    let mut tool = workspace::cargo(&["run", "--quiet", "--package", "nestling-web-tool", "--", "--root"]);
    tool.arg(workspace::root());
    tool
}
