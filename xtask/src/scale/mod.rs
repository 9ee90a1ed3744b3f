//! `cargo xtask scale`: several processes that train one supernet: speed, equality, and a run that goes on after a kill.

mod weights;

use crate::programs::{Programs, json, write_json};
use crate::values::{median, number};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use weights::Weights;

/// Flags of `cargo xtask scale`.
#[derive(clap::Args)]
pub struct Options {
    /// Processes beside one
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(2..=64))]
    processes: u32,
    /// Times of one process and of several, in turns; the speedup is the median
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Report missed marks without failing
    #[arg(long)]
    report_only: bool,
}

/// How many times as fast two processes on two idle cores must be.
const LEAST_SPEEDUP: f64 = 1.8;
/// Most difference of a weight after a step, as a share of the largest weight.
const MOST_DIFFERENCE: f64 = 1e-6;
/// Images a step, of all processes.
const BATCH: u32 = 128;
/// A checkpoint is there after this time, or the run has failed.
const PATIENCE: Duration = Duration::from_secs(300);

/// Measures, writes `target/scale/summary.json` and `index.html`, and fails if a mark is missed.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure()?;
    let programs = Programs::build()?;
    let folder = workspace::target().join("scale");
    if folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let speed = speed(&programs, options)?;
    let runs = Runs { programs: &programs, folder: &folder, processes: options.processes };
    let max_step_difference = runs.step_difference()?;
    let resumed_bit_equal = runs.is_bit_equal_after_a_kill()?;
    let prediction = predict(&programs, &folder, &speed)?;
    let summary = json!({
        "processes": options.processes,
        "speedup": speed.speedup,
        "speedups": speed.speedups,
        "images_per_s": speed.images_per_s,
        "all_reduce_ms": speed.all_reduce_ms,
        "gradient_bytes": speed.gradient_bytes,
        "max_step_difference": max_step_difference,
        "resumed_bit_equal": resumed_bit_equal,
        "prediction": prediction,
    });
    let path = folder.join("summary.json");
    write_json(&path, &summary)?;
    println!(
        "{} processes: {:.2} times as fast as one ({:.0} to {:.0} images/s), all-reduce {:.2} ms, a step differs by \
         {max_step_difference:.1e} of the largest weight, bit-equal after a kill: {resumed_bit_equal}",
        options.processes, speed.speedup, speed.images_per_s[0], speed.images_per_s[1], speed.all_reduce_ms
    );
    println!("written to {} and index.html beside it", path.display());
    let is_met = (options.processes != 2 || speed.speedup >= LEAST_SPEEDUP)
        && max_step_difference <= MOST_DIFFERENCE
        && resumed_bit_equal;
    ensure!(
        is_met || options.report_only,
        "a mark is missed: a speedup of {LEAST_SPEEDUP} with 2 processes, 1e-6, bit-equal"
    );
    Ok(())
}

/// Images per second of one process and of several.
struct Speed {
    speedup: f64,
    speedups: Vec<f64>,
    images_per_s: [f64; 2],
    all_reduce_ms: f64,
    gradient_bytes: f64,
}

/// In turns, because other programs may take time at any moment: each speedup is of two neighbours.
fn speed(programs: &Programs, options: &Options) -> Result<Speed> {
    let (mut rates, mut all_reduces, mut gradient_bytes) = ([Vec::new(), Vec::new()], Vec::new(), f64::NAN);
    let (batch, processes) = (BATCH.to_string(), options.processes.to_string());
    for _ in 0..options.rounds {
        for (rates, count) in rates.iter_mut().zip(["1", &processes]) {
            let arguments = ["throughput", "--space", "fashion", "--batch", &batch, "--steps", "6", "--rounds", "2"];
            let mut command = programs.trainer(&arguments);
            let measured = json({
                command.args(["--processes", count]);
                command
            })?;
            rates.push(number(&measured["sandwich_images_per_s"]));
            all_reduces.extend(measured["all_reduce_ms"].as_f64());
            gradient_bytes = number(&measured["gradient_bytes"]);
        }
    }
    let speedups: Vec<f64> = rates[0].iter().zip(&rates[1]).map(|(one, several)| several / one).collect();
    let images_per_s = rates.map(median);
    let speedup = median(speedups.clone());
    Ok(Speed { speedup, speedups, images_per_s, all_reduce_ms: median(all_reduces), gradient_bytes })
}

/// Trainings of a few steps on Fashion-MNIST.
struct Runs<'a> {
    programs: &'a Programs,
    folder: &'a Path,
    processes: u32,
}

impl Runs<'_> {
    fn train(&self, run: &str, processes: u32, epochs: u32, config: &str) -> Result<Command> {
        let path = self.folder.join(format!("{run}.toml"));
        std::fs::write(&path, config).with_context(|| format!("cannot write {}", path.display()))?;
        let mut command = self.programs.trainer(&["train", "--run"]);
        command.arg(self.run(run)).arg("--config").arg(path);
        command.args(["--epochs", &epochs.to_string(), "--processes", &processes.to_string()]);
        Ok(command)
    }

    fn run(&self, run: &str) -> PathBuf {
        self.folder.join(run)
    }

    fn weights(&self, run: &str) -> Result<Weights> {
        Weights::read(&self.run(run).join("checkpoint.safetensors"))
    }

    /// The largest difference of a weight after one step of one process and of several, beside the largest weight.
    fn step_difference(&self) -> Result<f64> {
        let workers = 2 * self.processes;
        let config = format!(
            "batch_size = {b}\nimages = {b}\nworkers = {workers}\naverage_decay = 0.0\nprobe_images = 100\n",
            b = 64 * workers
        );
        for (run, processes) in [("step-1", 1), ("step-several", self.processes)] {
            process::run(&mut self.train(run, processes, 1, &config)?)?;
        }
        Ok(self.weights("step-1")?.apart(&self.weights("step-several")?))
    }

    /// Whether a run whose last rank was killed after its first epoch ends with the weights of one that was not.
    fn is_bit_equal_after_a_kill(&self) -> Result<bool> {
        let config = format!("batch_size = 128\nimages = 2560\nworkers = {}\nprobe_images = 100\n", self.processes);
        process::run(&mut self.train("whole", self.processes, 3, &config)?)?;
        let mut killed = self.train("killed", self.processes, 3, &config)?;
        let mut process = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let started = Instant::now();
        while !self.run("killed").join("checkpoint.safetensors").exists() {
            ensure!(
                started.elapsed() < PATIENCE && process.try_wait()?.is_none(),
                "the run to be killed wrote nothing"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        let children = format!("/proc/{0}/task/{0}/children", process.id());
        let children = std::fs::read_to_string(&children).with_context(|| format!("cannot read {children}"))?;
        let Some(last) = children.split_whitespace().last() else { bail!("the run has no processes") };
        process::run(Command::new("kill").args(["-KILL", last]))?;
        ensure!(!process.wait()?.success(), "the run went on without one of its processes");
        let step = self.weights("killed")?.step;
        ensure!(step < self.weights("whole")?.step, "the run was done before the kill");
        process::run(&mut self.train("killed", self.processes, 3, &config)?)?;
        Ok(self.weights("killed")?.values == self.weights("whole")?.values)
    }
}

/// The page of Table 1 on many GPUs, and the prediction for the processes that were measured.
fn predict(programs: &Programs, folder: &Path, speed: &Speed) -> Result<Value> {
    let page = folder.join("index.html");
    let mut command = programs.trainer(&["scaling", "--output"]);
    command.arg(&page);
    let of_table1 = json(command)?;
    // The same formula beside the measurement: two devices whose link gives the measured sum.
    let link = speed.gradient_bytes / 1e9 / (speed.all_reduce_ms / 1e3);
    let (rate, link, batch) = (speed.images_per_s[0].to_string(), link.to_string(), BATCH.to_string());
    let here = json(programs.trainer(&[
        "scaling",
        "--space",
        "fashion",
        "--images-per-s",
        &rate,
        "--fixed-ms",
        "0",
        "--link-gb-s",
        &link,
        "--latency-us",
        "0",
        "--loader-images-per-s",
        "1000000",
        "--batch",
        &batch,
        "--devices",
        "1,2",
    ]))?;
    let predicted = number(&here["predictions"][1]["images_per_s"]) / number(&here["predictions"][0]["images_per_s"]);
    Ok(json!({
        "speedup_of_two": predicted,
        "table1": of_table1["predictions"],
        "table1_stops_at": of_table1["stops_at"],
    }))
}
