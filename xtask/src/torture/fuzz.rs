//! libFuzzer with coverage and AddressSanitizer, by the compiler of this machine alone.

use crate::programs::write_json;
use crate::{process, workspace};
use anyhow::{Context, Result, bail};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::time::Instant;
use std::{fs, thread};

/// Counters at every branch, and AddressSanitizer. Build scripts are not for the named target, and stay as they are.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
                     -Zsanitizer=address -Ccodegen-units=1 -Cdebug-assertions --cfg fuzzing";
/// Where the compiler puts what it builds for another target than its own.
const TRIPLE: &str = "x86_64-unknown-linux-gnu";
/// Executions of a reader, of a picture, and of targets that reach the GPU.
const MOST: [(&str, u64); 3] = [("picture", 1_000_000), ("c-calls", 100_000), ("run", 100_000)];
const EXECUTIONS: u64 = 100_000_000;
/// Seconds that one input may take under AddressSanitizer.
const TIMEOUT: u64 = 5;
/// Most bytes of an input that is kept in the repository.
const MOST_KEPT: u64 = 4096;

/// The program with all targets.
pub struct Fuzzer {
    program: PathBuf,
    /// Names and lengths.
    targets: Vec<(String, u64)>,
    /// Inputs that were found, of every run so far.
    found: PathBuf,
}

impl Fuzzer {
    /// Builds the targets twice: as they are, to ask for their seeds, and for libFuzzer. Those of files that a device reads
    /// are built in two minutes.
    pub fn build(folder: &Path, device_only: bool) -> Result<Self> {
        let features = if device_only { "" } else { "trainer,runtime" };
        let package = ["-p", "nestling-fuzz", "--features", features];
        let seeds = folder.join("seeds");
        let mut plain = workspace::cargo(&[&["run", "--quiet", "--release"], &package[..], &["--"]].concat());
        let list = process::output(plain.arg(&seeds))?;
        let target = |line: &str| {
            let (name, most) = line.split_once(' ')?;
            Some((name.to_owned(), most.parse().ok()?))
        };
        let targets = list.lines().filter_map(target).collect();
        let built = folder.join("build");
        let mut build = workspace::cargo(&[&["build", "--release", "--target", TRIPLE], &package[..]].concat());
        build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &built);
        process::run(&mut build)?;
        let program = built.join(TRIPLE).join("release/nestling-fuzz");
        Ok(Self { program, targets, found: folder.join("found") })
    }

    /// Runs each target whose name contains `only`, as many side by side as there are cores. A row for each.
    pub fn run(&self, rows: &Path, only: &str, scale: f64, seed: u32) -> Result<()> {
        let left = Mutex::new(self.targets.iter().filter(|(name, _)| name.contains(only)));
        let cores = thread::available_parallelism().map_or(1, usize::from);
        let work = || -> Result<u64> {
            let mut faults = 0;
            loop {
                let next = left.lock().map_or(None, |mut left| left.next());
                let Some((name, most)) = next else { return Ok(faults) };
                faults += self.target(rows, name, *most, scale, seed)?;
            }
        };
        let faults = thread::scope(|scope| {
            let workers: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| bail!("a worker ended")));
            joined.sum::<Result<u64>>()
        })?;
        if faults == 0 { Ok(()) } else { bail!("{faults} targets have faults: their inputs are in {}", rows.display()) }
    }

    /// Returns the number of faults: libFuzzer ends with the first.
    fn target(&self, rows: &Path, name: &str, most: u64, scale: f64, seed: u32) -> Result<u64> {
        let found = self.found.join(name);
        fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
        let wanted = MOST.iter().find(|(own, _)| *own == name).map_or(EXECUTIONS, |(_, count)| *count);
        let wanted = (wanted as f64 * scale).ceil() as u64;
        let started = Instant::now();
        let log = rows.join(format!("{name}.log"));
        let mut command = self.command(name);
        command.arg(format!("-runs={wanted}")).arg(format!("-max_len={most}")).arg(format!("-seed={seed}"));
        command.arg(format!("-timeout={TIMEOUT}")).arg("-rss_limit_mb=4096").arg("-print_final_stats=1");
        command.arg("-verbosity=0").arg(format!("-artifact_prefix={}/{name}-", rows.display()));
        command.arg(&found).args(self.given(name));
        let outcome = process::run_into(&mut command, &log);
        let text = fs::read(&log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
        let number = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.trim().parse::<u64>().ok());
        let (count, faults) = (number("stat::number_of_executed_units:").unwrap_or(0), u64::from(outcome.is_err()));
        println!("{name}: {count} executions, {faults} faults, {:.0} s", started.elapsed().as_secs_f64());
        let row = json!({
            "what": format!("executions of {name}"), "count": count, "faults": faults, "seed": seed,
            "seconds": started.elapsed().as_secs_f64(), "slowest_s": number("stat::slowest_unit_time_sec:"),
            "peak_mb": number("stat::peak_rss_mb:"),
        });
        write_json(&rows.join(format!("{name}.json")), &row)?;
        Ok(faults)
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.env("NESTLING_FUZZ", name).current_dir(workspace::root());
        // Libraries that the system loads keep what they allocate, and libtorch names some symbols twice. Short traces of
        // allocations make each of them much cheaper.
        command.env("ASAN_OPTIONS", "detect_leaks=0:detect_odr_violation=0:allocator_may_return_null=1:malloc_context_size=2:quarantine_size_mb=16");
        command
    }

    /// Folders of inputs that are there before a run.
    fn given(&self, name: &str) -> Vec<PathBuf> {
        let seeds = self.found.with_file_name("seeds").join(name);
        [seeds, kept(name)].into_iter().filter(|folder| folder.is_dir()).collect()
    }

    /// Adds to `tests/fuzz/corpus` the inputs that reach code which none of those that lie there reaches.
    pub fn keep(&self, only: &str) -> Result<()> {
        for (name, most) in self.targets.iter().filter(|(name, _)| name.contains(only)) {
            let (own, found) = (kept(name), self.found.join(name));
            fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
            let mut command = self.command(name);
            command.arg("-merge=1").arg(format!("-max_len={}", MOST_KEPT.min(*most))).arg(&own).arg(&found);
            process::run_into(&mut command, &self.found.join(format!("{name}.merge.log")))?;
        }
        Ok(())
    }
}

fn kept(name: &str) -> PathBuf {
    workspace::root().join("tests/fuzz/corpus").join(name)
}
