//! Chooses a child for a latency budget, classifies, falls back to the next faster child, classifies again.
//!
//! ```text
//! cargo run --release -p nestling-examples --example budget_switch
//! cargo run --release -p nestling-examples --example budget_switch -- 3.5 other.nestling
//! ```

use anyhow::{Context, Result};
use nestling::{Budget, Bundle, Image, Millis, Runtime, RuntimeOptions};
use std::path::{Path, PathBuf};

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let limit = match arguments.next() {
        None => 8.0,
        Some(text) => text.to_string_lossy().parse().context("the first argument is a number of milliseconds")?,
    };
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/fashion.nestling");
    let path = arguments.next().map_or(default, PathBuf::from);
    // An app passes the camera's pixels.
    let (width, height) = (28, 28);
    let bytes: Vec<u8> = (0..width * height * 4).map(|index| (index % 251) as u8).collect();

    let bundle = Bundle::open(&path).with_context(|| format!("opening {}", path.display()))?;
    let runtime = Runtime::open(&bundle, &RuntimeOptions::default())?;
    let choice = runtime.choose(Budget::p90(Millis(limit)))?;
    println!("{choice}");
    let answer = runtime.classify(Image::rgba8(width, height, &bytes)?)?;
    println!("{} {:.1} %", answer.top().label, 100.0 * answer.top().probability);

    // The device warms up, say: the next faster child takes over.
    match choice.next_faster() {
        Some(faster) => {
            let took = runtime.switch_to(faster)?;
            println!("switched to `{}` in {:.1} us", faster.entry.name, Millis::from(took).micros());
            let answer = runtime.classify(Image::rgba8(width, height, &bytes)?)?;
            println!("{} {:.1} %", answer.top().label, 100.0 * answer.top().probability);
        }
        None => println!("no shipped child is faster than `{}`", choice.entry().name),
    }
    Ok(())
}
