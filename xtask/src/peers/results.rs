//! The measurements, as a document and as tables.

use super::engines::{Adapter, Engine, Network, Sample};
use crate::process;
use crate::values::{list, median, number, word};
use serde_json::{Value, json};
use std::collections::BTreeMap;

type Key = (&'static str, &'static str);

/// All samples, with the machine and the adapter.
pub struct Results {
    pub adapter: Adapter,
    machine: Machine,
    rounds: u32,
    seconds: u32,
    engines: Vec<Engine>,
    errors: BTreeMap<Key, f64>,
    warm: BTreeMap<Key, Vec<Sample>>,
    cold: BTreeMap<Key, Vec<Sample>>,
}

/// The machine, and its load when the run began.
pub struct Machine {
    date: String,
    cpu: String,
    cores: usize,
    load_average: String,
}

impl Machine {
    pub fn now() -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let cpu = read("/proc/cpuinfo");
        let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("? unknown");
        Self {
            date: process::answer("date", &["-u", "+%Y-%m-%dT%H:%MZ"]).unwrap_or_default(),
            cpu: model.trim_start_matches([' ', '\t', ':']).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load_average: load_average(),
        }
    }
}

impl Machine {
    /// The machine in a line.
    pub fn line(&self) -> String {
        let Self { date, cpu, cores, load_average } = self;
        format!("{date}, {cpu}, {cores} cores, load average {load_average} before, {} after", self::load_average())
    }
}

/// Returns the load average of the last 1, 5 and 15 minutes.
fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().take(3).collect::<Vec<_>>().join(" ")
}

/// Returns the largest difference of a logit over the largest logit of the reference; infinity if a logit is not
/// finite.
pub fn largest_relative_error(found: &[f32], reference: &[f32]) -> f64 {
    if found.len() != reference.len() || found.iter().any(|value| !value.is_finite()) {
        return f64::INFINITY;
    }
    let largest = reference.iter().fold(f64::MIN_POSITIVE, |most, &value| most.max(f64::from(value).abs()));
    let difference = |(&one, &other): (&f32, &f32)| (f64::from(one) - f64::from(other)).abs() / largest;
    found.iter().zip(reference).map(difference).fold(0.0, f64::max)
}

fn middle(samples: &[Sample], value: impl Fn(&Sample) -> f64) -> f64 {
    median(samples.iter().map(value).collect())
}

/// Returns the smallest and the largest value.
fn spread(values: impl Iterator<Item = f64>) -> [f64; 2] {
    values.fold([f64::INFINITY, f64::NEG_INFINITY], |[least, most], value| [least.min(value), most.max(value)])
}

/// Returns the smallest and the largest ratio of a round.
fn ratio_spread(ours: &[Sample], theirs: &[Sample], value: impl Fn(&Sample) -> f64) -> [f64; 2] {
    spread(ours.iter().zip(theirs).map(|(ours, theirs)| value(ours) / value(theirs)))
}

impl Results {
    pub fn new(adapter: Adapter, machine: Machine, rounds: u32, seconds: u32) -> Self {
        let (engines, errors) = (Vec::new(), BTreeMap::new());
        Self { adapter, machine, rounds, seconds, engines, errors, warm: BTreeMap::new(), cold: BTreeMap::new() }
    }

    /// Adds an engine, with the error of its logits against ONNX Runtime's.
    pub fn agree(&mut self, network: &'static str, engine: Engine, error: f64) {
        self.errors.insert((network, engine.name()), error);
        if !self.engines.contains(&engine) {
            self.engines.push(engine);
        }
    }

    pub fn add(&mut self, network: &'static str, engine: Engine, sample: Sample) {
        self.warm.entry((network, engine.name())).or_default().push(sample);
    }

    pub fn add_cold(&mut self, network: &'static str, engine: Engine, sample: Sample) {
        self.cold.entry((network, engine.name())).or_default().push(sample);
    }

    fn warm(&self, network: &'static str, engine: Engine) -> &[Sample] {
        self.warm.get(&(network, engine.name())).map_or(&[], Vec::as_slice)
    }

    fn cold(&self, network: &'static str, engine: Engine) -> &[Sample] {
        self.cold.get(&(network, engine.name())).map_or(&[], Vec::as_slice)
    }

    fn error(&self, network: &'static str, engine: Engine) -> f64 {
        self.errors.get(&(network, engine.name())).copied().unwrap_or(f64::NAN)
    }

    /// Returns the document for `target/bench/peers.json`.
    pub fn document(&self, networks: &[Network]) -> Value {
        let mut rows = Vec::new();
        let mut starts = Vec::new();
        let mut engines = Vec::new();
        for network in networks.iter().map(|network| network.name) {
            engines.extend(self.engines.iter().map(|&engine| self.engine(network, engine)));
            for &ours in &self.engines {
                let Engine::Nestling { subgroups } = ours else { continue };
                for &peer in self.engines.iter().filter(|peer| !matches!(peer, Engine::Nestling { .. })) {
                    rows.push(self.row(network, ours, subgroups, peer));
                }
                let peer = Engine::NcnnVulkan { f16: false };
                for (cache, ours, theirs) in [
                    ("none", self.cold(network, ours), self.cold(network, peer)),
                    ("warm", self.warm(network, ours), self.warm(network, peer)),
                ] {
                    if !ours.is_empty() && !theirs.is_empty() {
                        starts.push(self.start(network, subgroups, peer, cache, ours, theirs));
                    }
                }
            }
        }
        json!({
            "date": self.machine.date,
            "machine": {
                "cpu": self.machine.cpu,
                "cores": self.machine.cores,
                "load_average_before": self.machine.load_average,
                "load_average_after": load_average(),
                "adapter": self.adapter.name,
                "driver": self.adapter.driver,
                "software_adapter": self.adapter.software,
            },
            "rounds": self.rounds,
            "seconds_a_process": self.seconds,
            "rows": rows,
            "cold_start": starts,
            "engines": engines,
        })
    }

    /// Compares one of nestling's variants with a peer, by the medians over the rounds.
    fn row(&self, network: &'static str, ours: Engine, subgroups: bool, peer: Engine) -> Value {
        let (mine, theirs) = (self.warm(network, ours), self.warm(network, peer));
        let cpu = |samples| middle(samples, |sample| sample.cpu_ms);
        let wall = |samples| middle(samples, |sample| sample.p50_ms);
        json!({
            "network": network,
            "adapter": self.adapter.name,
            "precision": ours.precision(),
            "subgroups": subgroups,
            "cpu_ms": cpu(mine),
            "peer": peer.name(),
            "peer_version": theirs.first().map(|sample| &sample.version),
            "peer_precision": peer.precision(),
            "peer_cpu_ms": cpu(theirs),
            // Below 1, nestling takes less CPU time than the peer.
            "ratio": cpu(mine) / cpu(theirs),
            "ratio_spread": ratio_spread(mine, theirs, |sample| sample.cpu_ms),
            "wall_ms": wall(mine),
            "peer_wall_ms": wall(theirs),
            "wall_ratio": wall(mine) / wall(theirs),
            // Both errors are against ONNX Runtime on the CPU.
            "max_relative_error": self.error(network, ours),
            "peer_max_relative_error": self.error(network, peer),
        })
    }

    fn start(
        &self,
        network: &'static str,
        subgroups: bool,
        peer: Engine,
        cache: &str,
        ours: &[Sample],
        theirs: &[Sample],
    ) -> Value {
        let (mine, other) = (middle(ours, Sample::start_cpu_ms), middle(theirs, Sample::start_cpu_ms));
        json!({
            "network": network,
            "adapter": self.adapter.name,
            "subgroups": subgroups,
            "shader_cache": cache,
            "cpu_ms": mine,
            "load_cpu_ms": middle(ours, |sample| sample.load_cpu_ms),
            "peer": peer.name(),
            "peer_cpu_ms": other,
            "peer_load_cpu_ms": middle(theirs, |sample| sample.load_cpu_ms),
            "ratio": mine / other,
            "ratio_spread": ratio_spread(ours, theirs, Sample::start_cpu_ms),
        })
    }

    /// Returns all figures of one engine on one network.
    fn engine(&self, network: &'static str, engine: Engine) -> Value {
        let samples = self.warm(network, engine);
        let middle = |value: fn(&Sample) -> f64| middle(samples, value);
        let each = |value: fn(&Sample) -> f64| samples.iter().map(value).collect::<Vec<f64>>();
        json!({
            "network": network,
            "engine": engine.name(),
            "version": samples.first().map(|sample| &sample.version),
            "precision": engine.precision(),
            "cpu_ms": middle(|sample| sample.cpu_ms),
            "cpu_ms_spread": spread(samples.iter().map(|sample| sample.cpu_ms)),
            "cpu_ms_rounds": each(|sample| sample.cpu_ms),
            "wall_ms": middle(|sample| sample.p50_ms),
            "wall_ms_rounds": each(|sample| sample.p50_ms),
            "load_ms": middle(|sample| sample.load_ms),
            "load_cpu_ms": middle(|sample| sample.load_cpu_ms),
            "first_ms": middle(|sample| sample.first_ms),
            "first_cpu_ms": middle(|sample| sample.first_cpu_ms),
            "runs": samples.iter().map(|sample| sample.runs).sum::<u64>(),
            "max_relative_error": self.error(network, engine),
        })
    }

    /// Prints the document as tables.
    pub fn print(&self, document: &Value) {
        let Machine { cpu, cores, load_average, .. } = &self.machine;
        let after = &document["machine"]["load_average_after"];
        println!("\n{} ({})", self.adapter.name, self.adapter.driver);
        println!("{cpu}, {cores} cores, load average {load_average} before, {} after", word(after));
        println!("medians of {} rounds; CPU ms is of all threads, for one image\n", self.rounds);
        println!(
            "  {:20} {:27} {:>8} {:>17} {:>9} {:>8} {:>9} {:>8}",
            "network", "engine", "CPU ms", "spread", "wall p50", "load CPU", "first CPU", "error"
        );
        list(&document["engines"]).iter().for_each(print_engine);
        println!("\n  nestling's share of the peer's:{:18} {:>9} {:>15} {:>9}", "", "CPU", "spread", "wall");
        list(&document["rows"]).iter().for_each(print_comparison);
        println!(
            "\n  CPU ms from nothing to logits: {:16} {:>9} {:>9} {:>9} {:>15}",
            "", "nestling", "peer", "ratio", "spread"
        );
        list(&document["cold_start"]).iter().for_each(print_start);
        if !self.adapter.software {
            println!(
                "\n  This adapter is a GPU: CPU time is only the driver's; compare wall times, on an idle machine."
            );
        }
    }
}

fn print_engine(row: &Value) {
    println!(
        "  {:20} {:27} {:8.1} {:>17} {:9.1} {:8.0} {:9.0} {:8.1e}",
        word(&row["network"]),
        word(&row["engine"]),
        number(&row["cpu_ms"]),
        range(&row["cpu_ms_spread"]),
        number(&row["wall_ms"]),
        number(&row["load_cpu_ms"]),
        number(&row["first_cpu_ms"]),
        number(&row["max_relative_error"]),
    );
}

fn print_comparison(row: &Value) {
    println!(
        "  {:20} {:27} {:>9} {:>15} {:>9}  {}",
        word(&row["network"]),
        word(&row["peer"]),
        times(&row["ratio"]),
        range(&row["ratio_spread"]),
        times(&row["wall_ratio"]),
        subgroups(row),
    );
}

fn print_start(row: &Value) {
    println!(
        "  {:20} {:16} cache {:4} {:>9.0} {:>9.0} {:>9} {:>15}  {}",
        word(&row["network"]),
        word(&row["peer"]),
        word(&row["shader_cache"]),
        number(&row["cpu_ms"]),
        number(&row["peer_cpu_ms"]),
        times(&row["ratio"]),
        range(&row["ratio_spread"]),
        subgroups(row),
    );
}

fn subgroups(row: &Value) -> &'static str {
    if row["subgroups"] == true { "with subgroups" } else { "without" }
}

fn times(value: &Value) -> String {
    let value = number(value);
    format!("{value:.*} x", if value < 1.0 { 3 } else { 2 })
}

fn range(value: &Value) -> String {
    list(value).iter().map(|value| format!("{:.2}", number(value))).collect::<Vec<_>>().join(" - ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn errors_are_relative_to_the_largest_logit() {
        assert_eq!(largest_relative_error(&[1.0, -3.5], &[1.0, -4.0]), 0.125);
        assert_eq!(largest_relative_error(&[f32::NAN], &[1.0]), f64::INFINITY);
        assert_eq!(largest_relative_error(&[1.0], &[1.0, 2.0]), f64::INFINITY);
    }
}
