//! `cargo xtask start`: the CPU time of a first and of a cached start, beside ncnn's first start.

use super::engines::{Cache, Engine, Network, Runner, read_floats};
use super::results::{Machine, largest_relative_error};
use super::{NETWORKS, Prepared, SECONDS, prepare};
use crate::programs::write_json;
use crate::values::{list, median, number, word};
use crate::workspace;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

/// Flags of `cargo xtask start`.
#[derive(clap::Args)]
pub struct Options {
    /// Processes in which each start is measured
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Do not fail if a mark is missed
    #[arg(long)]
    report_only: bool,
}

/// Most CPU milliseconds of a cached start of the first network.
const CACHED_MARK: f64 = 300.0;
/// Largest share of ncnn's CPU time of a first start.
const COLD_MARK: f64 = 0.5;
const PEER: Engine = Engine::NcnnVulkan { f16: false };

/// CPU milliseconds of one network's starts, one of each a round.
#[derive(Default)]
struct Times {
    cold: Vec<f64>,
    cached: Vec<f64>,
    warm: Vec<f64>,
    steady: Vec<f64>,
    peer_cold: Vec<f64>,
}

/// Measures, prints, writes `target/start/summary.json`, and fails on a missed mark.
pub fn run(options: &Options) -> Result<()> {
    let Prepared { programs, peers, folder, bundle, networks } = prepare()?;
    let runner = Runner { programs: &programs, peers: &peers, bundle: &bundle, folder: &folder, seconds: SECONDS };
    let adapter = runner.adapter(&networks[0])?;
    ensure!(adapter.driver.contains("Mesa"), "only Mesa's cache can be switched off, not that of {}", adapter.driver);
    println!("{} ({})", adapter.name, adapter.driver);
    let machine = Machine::now();
    let mut rows = Vec::new();
    for network in &networks {
        let times = measure(&runner, network, &adapter.name, options.rounds)?;
        rows.push(row(network.name, &adapter.name, &times));
    }
    let (rows, folder) = (Value::Array(rows), workspace::target().join("start"));
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join("summary.json");
    write_json(&path, &rows)?;
    print(&rows);
    println!("\n{}, medians of {} rounds\nwritten to {}", machine.line(), options.rounds, path.display());
    let missed = missed(&rows);
    match missed.is_empty() || options.report_only {
        true => Ok(()),
        false => bail!("{}", missed.join("; ")),
    }
}

/// Starts each engine in turn. A first process of each fills the driver's cache, and is not counted.
fn measure(runner: &Runner<'_>, network: &Network, adapter: &str, rounds: u32) -> Result<Times> {
    let mut times = Times::default();
    runner.start(network, adapter, Cache::Kept)?;
    for _ in 0..rounds {
        let peer = runner.run(PEER, network, adapter, Cache::Disabled, false)?;
        times.peer_cold.push(peer.start_cpu_ms());
        let cold = runner.start(network, adapter, Cache::Disabled)?;
        check(runner, network)?;
        let cached = runner.start(network, adapter, Cache::Kept)?;
        check(runner, network)?;
        times.cold.push(number(&cold["start"]["cpu_ms"]));
        times.cached.push(number(&cached["start"]["cpu_ms"]));
        times.warm.push(number(&cached["warm"]["cpu_ms"]));
        times.steady.push(number(&cached["start"]["steady_cpu_ms"]));
    }
    Ok(times)
}

/// Fails if the last start's answer is not the network's.
fn check(runner: &Runner<'_>, network: &Network) -> Result<()> {
    let error = largest_relative_error(&read_floats(&runner.logits())?, &network.trainer);
    let limit = Engine::Nestling { subgroups: true }.tolerance();
    ensure!(error <= limit, "{}: the first answer differs from the trainer's by {error:.1e}", network.name);
    Ok(())
}

fn row(network: &str, adapter: &str, times: &Times) -> Value {
    let middle = |values: &[f64]| median(values.to_vec());
    let (cold, peer) = (middle(&times.cold), middle(&times.peer_cold));
    json!({
        "network": network,
        "cold_cpu_ms": cold,
        "cached_cpu_ms": middle(&times.cached),
        "peer_cold_cpu_ms": peer,
        "cold_ratio": cold / peer,
        "warm_cpu_ms": middle(&times.warm),
        "steady_cpu_ms": middle(&times.steady),
        "peer": PEER.name(),
        "adapter": adapter,
        "cached_mark_ms": (network == NETWORKS[0].0).then_some(CACHED_MARK),
        "cold_ratio_mark": COLD_MARK,
    })
}

fn print(rows: &Value) {
    println!("\n  CPU ms from nothing to logits, everything included");
    println!(
        "  {:20} {:>9} {:>9} {:>7} {:>9} {:>9} {:>9}",
        "network", "cold", "ncnn cold", "ratio", "cached", "warm", "steady"
    );
    for row in list(rows) {
        println!(
            "  {:20} {:9.0} {:9.0} {:7.2} {:9.0} {:9.0} {:9.0}",
            word(&row["network"]),
            number(&row["cold_cpu_ms"]),
            number(&row["peer_cold_cpu_ms"]),
            number(&row["cold_ratio"]),
            number(&row["cached_cpu_ms"]),
            number(&row["warm_cpu_ms"]),
            number(&row["steady_cpu_ms"]),
        );
    }
    println!("  marks: cold at most {COLD_MARK} of ncnn's; cached at most {CACHED_MARK} for {}", NETWORKS[0].0);
}

/// The marks that are missed, in words; a figure that is not there misses its mark.
fn missed(rows: &Value) -> Vec<String> {
    let mut missed = Vec::new();
    for row in list(rows) {
        let network = word(&row["network"]);
        let mut judge = |what: &str, value: &Value, mark: &Value| {
            if let Some(mark) = mark.as_f64()
                && !value.as_f64().is_some_and(|value| value <= mark)
            {
                missed.push(format!("{network}: {what} {:.2} where {mark} is the mark", number(value)));
            }
        };
        judge("a first start takes a share of ncnn's of", &row["cold_ratio"], &row["cold_ratio_mark"]);
        judge("a cached start takes CPU ms of", &row["cached_cpu_ms"], &row["cached_mark_ms"]);
    }
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(cold: f64, cached: f64, peer_cold: f64) -> Times {
        Times { cold: vec![cold], cached: vec![cached], peer_cold: vec![peer_cold], ..Times::default() }
    }

    #[test]
    fn the_summary_has_the_agreed_keys_and_medians() {
        let mut measured = times(900.0, 250.0, 3000.0);
        measured.cold.extend([700.0, 800.0]);
        let row = row(NETWORKS[0].0, "llvmpipe", &measured);
        assert_eq!(row["network"], NETWORKS[0].0);
        let keys = ["cold_cpu_ms", "cached_cpu_ms", "peer_cold_cpu_ms"];
        assert_eq!(keys.map(|key| number(&row[key])), [800.0, 250.0, 3000.0]);
    }

    #[test]
    fn only_the_first_network_has_a_mark_for_cached_starts_and_all_have_one_for_cold_ones() {
        let rows = |first: Times, second: Times| {
            json!([row(NETWORKS[0].0, "llvmpipe", &first), row(NETWORKS[1].0, "llvmpipe", &second)])
        };
        assert!(missed(&rows(times(900.0, 299.0, 3000.0), times(1500.0, 999.0, 3000.0))).is_empty());
        let late = missed(&rows(times(900.0, 301.0, 3000.0), times(1501.0, 999.0, 3000.0)));
        assert!(late.len() == 2 && late[0].contains("301") && late[1].starts_with(NETWORKS[1].0), "{late:?}");
        assert_eq!(missed(&rows(Times::default(), times(1.0, 1.0, 3.0))).len(), 2, "nothing was measured");
    }
}
