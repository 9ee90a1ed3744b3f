//! Times the lowering of the biggest child of table 1, and prints one line of JSON.
//!
//! ```text
//! cargo bench -q -p nestling-core --bench lower
//! ```
#![allow(clippy::unwrap_used, reason = "a bench may panic")]

use nestling_core::space::{SearchSpace, SpaceError};
use std::hint::black_box;
use std::time::Instant;

/// Timed lowerings, after a tenth as many that warm up.
const RUNS: usize = 20_000;

fn main() -> Result<(), SpaceError> {
    let space = SearchSpace::table1().validated().unwrap();
    let child = space.biggest();
    let mut micros = Vec::with_capacity(RUNS);
    for run in 0..RUNS + RUNS / 10 {
        let start = Instant::now();
        let network = black_box(&space).lower(black_box(&child))?;
        let elapsed = start.elapsed();
        drop(black_box(network));
        if run >= RUNS / 10 {
            micros.push(elapsed.as_secs_f64() * 1e6);
        }
    }
    micros.sort_unstable_by(f64::total_cmp);
    println!("{{\"lower_biggest_table1_us\": {:.2}}}", micros[RUNS / 2]);
    Ok(())
}
