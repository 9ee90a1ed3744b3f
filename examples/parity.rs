//! Classifies raw RGBA frames and prints each one's logits: `cargo xtask bindings` compares other languages with it.
//!
//! ```text
//! parity BUNDLE FRAMES WIDTH HEIGHT
//! ```
//!
//! Prints one JSON line for each frame. The first is answered by the active child, all others by the one with the most
//! multiply-adds. The last line has the time of the cheapest call in microseconds.

use anyhow::{Context, Result, bail};
use nestling::{Bundle, Image, Runtime, RuntimeOptions};
use std::hint::black_box;
use std::time::Instant;

/// Calls of a round.
const CALLS: u32 = 2000;

/// Rounds; the fastest counts, because other programs slow the others down.
const ROUNDS: usize = 5;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bundle, frames, width, height] = &arguments[..] else { bail!("usage: parity BUNDLE FRAMES WIDTH HEIGHT") };
    let (width, height): (u32, u32) = (width.parse()?, height.parse()?);
    let frames = std::fs::read(frames).with_context(|| format!("reading {frames}"))?;
    let bundle = Bundle::open(bundle)?;
    let runtime = Runtime::open(&bundle, &RuntimeOptions::default())?;
    let mut frames = frames.chunks_exact(width as usize * height as usize * 4);
    let answer = |frame: &[u8]| -> Result<()> {
        let logits = runtime.logits(Image::rgba8(width, height, frame)?)?;
        println!("{{\"logits\": {logits:?}}}");
        Ok(())
    };
    answer(frames.next().context("there is no frame")?)?;
    let biggest = bundle.children().last().context("the bundle has no child")?;
    runtime.switch_to(&biggest.name)?;
    frames.try_for_each(answer)?;
    let mut microseconds = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(runtime.active());
        }
        microseconds = microseconds.min(start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS));
    }
    // The other languages measure a classification above this one's.
    println!("{{\"call\": \"active\", \"call_overhead_us\": {microseconds}, \"classify_overhead_us\": 0}}");
    Ok(())
}
