//! Three starts: the first ever, one with caches on disk, and a warm one in the same process.

use crate::bench::{Input, once, read_tensor};
use crate::caches::{Caches, can_be_emptied};
use crate::device;
use crate::output::Output;
use crate::start_report::{Process, Start, Starts};
use crate::wrong_usage;
use anyhow::{Context as _, Result};
use nestling::Readiness;
use nestling_bundle::atomic_file::{check_outputs, write_atomically};
use nestling_lab::documents::Fault;
use nestling_stopwatch::Stopwatch;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Measures the first ever, the cached and the warm start: from nothing to a child's first answer.
#[derive(clap::Args)]
#[command(after_help = "first ever: a new process, and no compiled kernels on disk, neither the runtime's nor the \
                  driver's.\ncached: a new process that finds on disk what the first one compiled.\nwarm: the same \
                  process has closed the bundle and its device, and opens both again.\n\nExample:\n  nestling-device \
                  start fashion.nestling --child smallest --json")]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// The child that answers; the one with the fewest multiply-adds if not given.
    #[arg(long, value_name = "NAME")]
    child: Option<String>,
    /// First and cached starts, each in a process of its own; the medians are shown.
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Measure the start of this very process, with the caches that there are, and a warm one.
    #[arg(long, conflicts_with = "rounds")]
    this_process: bool,
    /// Run the child on this tensor in place of an image: raw little-endian f32, normalised, as
    /// `nestling export --golden` writes it.
    #[arg(long, value_name = "FILE.f32")]
    input: Option<PathBuf>,
    /// Write the child's first logits, as raw little-endian f32.
    #[arg(long, value_name = "FILE.f32", requires = "this_process")]
    logits: Option<PathBuf>,
}

/// The document of a process that failed.
#[derive(Deserialize)]
struct Failure {
    error: Fault,
}

impl Options {
    /// The file that it writes, if one was asked for.
    pub fn logits(&self) -> Option<&Path> {
        self.logits.as_deref()
    }

    pub fn run(&self, device: &device::Options, output: &Output, stopwatch: &Stopwatch) -> Result<bool> {
        if self.this_process {
            return output.finish(&self.this_process(device, stopwatch)?);
        }
        if device.cache_folder().is_some() {
            return Err(wrong_usage(
                "--pipeline-cache needs --this-process: the other starts use folders of their own",
            ));
        }
        let mut rounds = Vec::new();
        for _ in 0..self.rounds {
            match self.round(device)? {
                Ok(round) => rounds.push(round),
                Err(fault) => {
                    output.fail(fault);
                    return Ok(false);
                }
            }
        }
        output.finish(&Starts::of(rounds)?)
    }

    /// A first and a cached start, each in a new process.
    fn round(&self, device: &device::Options) -> Result<Result<[Process; 2], Fault>> {
        let caches = Caches::empty()?;
        let first = self.process(device, &caches)?;
        let cached = self.process(device, &caches)?;
        Ok(first.and_then(|first| cached.map(|cached| [first, cached])))
    }

    /// The starts of another process, or why it failed.
    fn process(&self, device: &device::Options, caches: &Caches) -> Result<Result<Process, Fault>> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.args(["start", "--this-process", "--json"]).args(device.flags()).stdin(Stdio::null());
        caches.set(&mut command);
        if let Some(child) = &self.child {
            command.arg(format!("--child={child}"));
        }
        if let Some(input) = &self.input {
            command.arg("--input").arg(input);
        }
        let output = command.arg("--").arg(&self.bundle).output();
        let output = output.context("cannot start another process of this program")?;
        let read = |what: &str| {
            let said = String::from_utf8_lossy(&output.stderr);
            let ended = output.status;
            format!("another process of this program printed no {what} ({ended}): {}", said.trim())
        };
        if output.status.success() {
            return Ok(Ok(serde_json::from_slice(&output.stdout).with_context(|| read("document"))?));
        }
        let Failure { error } = serde_json::from_slice(&output.stdout).with_context(|| read("error"))?;
        Ok(Err(error))
    }

    fn this_process(&self, device: &device::Options, stopwatch: &Stopwatch) -> Result<Process> {
        let inputs = self.input.iter().chain([&self.bundle]).map(PathBuf::as_path);
        check_outputs(self.logits.as_deref(), inputs)?;
        let (first, logits) = self.start(device, stopwatch)?;
        let (warm, _) = self.start(device, &Stopwatch::start())?;
        let process = Process { warm: warm.start, ..first };
        if let Some(path) = &self.logits {
            write_atomically(path, |file| logits.iter().try_for_each(|value| file.write_all(&value.to_le_bytes())))?;
        }
        Ok(process)
    }

    /// Opens everything, answers, waits for the fast kernels and closes everything.
    fn start(&self, device: &device::Options, stopwatch: &Stopwatch) -> Result<(Process, Vec<f32>)> {
        let tensor = self.input.as_deref().map(read_tensor).transpose()?;
        let opened = device.open_to_time(&self.bundle)?;
        let runtime = &opened.runtime;
        let fewest = runtime.children().min_by_key(|entry| entry.cost.madds).map(|entry| entry.name.clone());
        let name = self.child.clone().or(fewest).unwrap_or_default();
        let child = runtime.prepared(&name)?;
        let input = tensor.as_deref().map_or_else(|| Input::Image(runtime.probe_image()), Input::Tensor);
        let (logits, first) = once(runtime, child, &input)?;
        let whole = stopwatch.elapsed();
        let fast_kernels = runtime.supernet().readiness() == Readiness::Ready;
        runtime.supernet().wait_until_ready()?;
        let ready_after_ms = stopwatch.elapsed().wall;
        let (_, steady) = once(runtime, child, &input)?;
        let start = Start {
            wall_ms: whole.wall,
            cpu_ms: whole.cpu,
            open_cpu_ms: opened.open.cpu,
            load_cpu_ms: opened.load.cpu,
            first_answer_cpu_ms: first.cpu,
            fast_kernels,
            ready_after_ms,
            steady_cpu_ms: steady.cpu,
            kernel_test_ms: runtime.supernet().context().kernel_test_time(),
        };
        let empties_driver_cache = can_be_emptied(runtime.adapter());
        let device = runtime.device().clone();
        Ok((Process { device, child: name, empties_driver_cache, warm: start.clone(), start }, logits))
    }
}
