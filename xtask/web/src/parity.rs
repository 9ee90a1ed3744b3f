//! The answers of the package in a headless browser, for `cargo xtask bindings`.

use crate::browser::Browser;
use crate::{pack, server::Server};
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A software adapter on a busy machine takes its time.
const WAIT: Duration = Duration::from_secs(600);

/// Prints a JSON line for each frame of `frames.rgba`, the time of the cheapest call, and the module's compressed size.
/// The folders hold the package, the site and the frames.
///
/// # Errors
/// If the package was not packed, there is no browser, or the page fails.
pub fn print(root: &Path, folders: [PathBuf; 3], (width, height): (u32, u32)) -> Result<()> {
    for folder in &folders {
        ensure!(folder.is_dir(), "{} is missing: run `cargo xtask web`", folder.display());
    }
    let module = pack::module_gzip(&folders[0].join("nestling"))?;
    let pages = root.join("xtask/web/tests/pages");
    let server = Server::start(folders.into_iter().chain([pages]).collect(), 0)?;
    let mut browser = Browser::start()?;
    browser.open(&server.url("test.html"))?;
    let call = format!("import('/parity.js').then(page => page.parity({width}, {height}))");
    let outcome = browser.evaluate(&call, WAIT)?;
    for logits in outcome["answers"].as_array().map_or(&[][..], Vec::as_slice) {
        println!("{}", json!({ "logits": logits }));
    }
    let part = |name: &str| {
        outcome.get(name).filter(|value| !value.is_null()).cloned().with_context(|| format!("the page told no {name}"))
    };
    let (first, overhead, call): (Value, Value, Value) = (part("firstMs")?, part("overheadUs")?, part("call")?);
    let classify = part("classifyUs")?;
    println!(
        "{}",
        json!({
            "call": call, "call_overhead_us": overhead, "classify_overhead_us": classify, "first_result_ms": first,
            "wasm_gzip": module,
        })
    );
    Ok(())
}
