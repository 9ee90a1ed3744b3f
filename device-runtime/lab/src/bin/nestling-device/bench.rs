use crate::device;
use crate::gate::{Gate, Judged, Quantity, missed};
use crate::output::{Output, Report, columns, row};
use crate::progress::Bar;
use anyhow::{Context as _, Result, ensure};
use nestling::PreparedChild;
use nestling::Runtime;
use nestling::low_level::MemoryUse;
use nestling_bundle::atomic_file::{check_outputs, write_atomically};
use nestling_core::image::Image;
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::{Latency, Millis};
use nestling_core::space::{LayerShape, Operator};
use nestling_lab::documents::{Fault, Tried};
use nestling_stopwatch::{Elapsed, Stopwatch};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Times shipped children: opening, switching, layers and whole.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  nestling-device bench fashion.nestling --seconds 4 --json\n  nestling-device bench \
                        fashion.nestling --child smallest --single-stream --gate p90=8ms,memory=64MB"
)]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Name of a child to time; may be repeated. The smallest and the biggest that ship if not given.
    #[arg(long = "child")]
    children: Vec<String>,
    /// About how many seconds to time each child.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Time each child for at least 60 seconds and 1,024 inferences, as the single-stream scenario of MLPerf Mobile asks,
    /// so that p90 compares with its figures.
    #[arg(long, conflicts_with = "seconds")]
    single_stream: bool,
    /// Fail if a figure is above its limit, separated by commas: p50, p90, first (first result) and load in us, ms or s;
    /// memory (of the GPU) and process (the most memory that it had) in B, KB, MB or GB.
    #[arg(long, value_delimiter = ',', value_name = "NAME=VALUE")]
    gate: Vec<Gate>,
    /// Time whole inferences only, not layer by layer.
    #[arg(long)]
    whole_only: bool,
    /// Run the child on this tensor in place of an image: raw little-endian f32, normalised, as
    /// `nestling export --golden` writes it. Needs one --child.
    #[arg(long, value_name = "FILE.f32")]
    input: Option<PathBuf>,
    /// Write the child's logits for --input, as raw little-endian f32.
    #[arg(long, value_name = "FILE.f32", requires = "input")]
    logits: Option<PathBuf>,
}

#[derive(Serialize)]
pub struct Bench {
    device: DeviceKey,
    /// `cpu` is a software adapter.
    device_type: String,
    /// Whether subgroup operations are used.
    subgroups: bool,
    /// The state of the pipeline cache; none without --pipeline-cache.
    pipeline_cache: Option<String>,
    /// Reading and verifying the file.
    open_ms: f64,
    open_cpu_ms: Option<f64>,
    /// Time from opening the adapter to all children ready.
    load_ms: f64,
    load_cpu_ms: Option<f64>,
    /// Building pipelines, a part of load_ms.
    pipeline_ms: f64,
    pipelines: usize,
    /// Packing and sending weights, a part of load_ms.
    upload_ms: f64,
    memory: MemoryUse,
    /// The most memory that this process had; none where the system does not tell it.
    peak_process_bytes: Option<u64>,
    /// Every limit of --gate with its figure.
    gates: Vec<Judged>,
    children: Vec<Tried<Child, FailedChild>>,
}

/// A child that was not timed.
#[derive(Serialize)]
struct FailedChild {
    name: String,
    error: Fault,
}

#[derive(Serialize)]
struct Child {
    name: String,
    child: String,
    madds: u64,
    params: u64,
    /// The very first inference: some drivers compile in it.
    first_result_ms: f64,
    first_result_cpu_ms: Option<f64>,
    /// Time from then until the fast kernels were compiled; the fallback ones answer until then.
    ready_after_ms: f64,
    p50_ms: f64,
    p90_ms: f64,
    /// Median CPU time of all threads of this process for one inference: on a software adapter, its whole cost.
    cpu_ms: Option<f64>,
    runs: usize,
    switch_us: f64,
    /// `None` if layers were not timed.
    layers_timed_by: Option<nestling_core::latency::Clock>,
    operators: Vec<OperatorTime>,
    layers: Vec<Layer>,
}

/// All layers of one kind.
#[derive(Serialize)]
struct OperatorTime {
    operator: Operator,
    layers: usize,
    ms: f64,
    gflops: f64,
}

#[derive(Serialize)]
struct Layer {
    name: String,
    shape: LayerShape,
    /// The shape in words.
    description: String,
    ms: f64,
    gflops: f64,
}

const LAYER_REPEATS: usize = 25;
const SWITCHES: usize = 101;
const WARM_UPS: usize = 2;
const MIN_RUNS: usize = 3;
/// Seconds and runs of MLPerf Mobile's single-stream scenario (MLPerf Mobile inference rules, 4.0).
const SINGLE_STREAM: (u64, usize) = (60, 1024);

/// The input of a child.
pub enum Input<'a> {
    /// An image, as apps pass it.
    Image(Image<'a>),
    /// A tensor, as other engines take it.
    Tensor(&'a [f32]),
}

/// Counts two floating-point operations per multiply-accumulate.
fn gflops(madds: u64, ms: f64) -> f64 {
    if ms > 0.0 { 2.0 * madds as f64 / (ms * 1e6) } else { 0.0 }
}

pub fn read_tensor(path: &Path) -> Result<Vec<f32>> {
    let shown = path.display();
    let bytes = std::fs::read(path).with_context(|| format!("cannot read tensor {shown}"))?;
    let (words, rest) = bytes.as_chunks::<4>();
    ensure!(rest.is_empty(), "{shown} has {} bytes: f32 values take four each", bytes.len());
    Ok(words.iter().map(|&word| f32::from_le_bytes(word)).collect())
}

pub fn once(runtime: &Runtime, child: &PreparedChild, input: &Input<'_>) -> Result<(Vec<f32>, Elapsed)> {
    let stopwatch = Stopwatch::start();
    let logits = match input {
        Input::Image(image) => runtime.supernet().infer(child, image)?,
        Input::Tensor(tensor) => runtime.supernet().infer_tensor(child, tensor)?,
    };
    Ok((logits, stopwatch.elapsed()))
}

impl Options {
    /// The file that it writes, if one was asked for.
    pub fn logits(&self) -> Option<&Path> {
        self.logits.as_deref()
    }

    pub fn run(&self, device: &device::Options, output: &Output) -> Result<Bench> {
        let inputs = self.input.iter().chain([&self.bundle]).map(PathBuf::as_path);
        check_outputs(self.logits.as_deref(), inputs)?;
        let tensor = self.input.as_deref().map(read_tensor).transpose()?;
        ensure!(tensor.is_none() || self.children.len() == 1, "--input is for one child: name it with --child");
        let opened = device.open_to_time(&self.bundle)?;
        let runtime = &opened.runtime;
        let mut names = self.children.clone();
        if names.is_empty() {
            names = runtime.children().map(|entry| entry.name.clone()).collect();
            if names.len() > 2 {
                names.drain(1..names.len() - 1);
            }
        }
        // Switched to and from: itself where no other can be.
        let is_there = |name: &&String| runtime.prepared(name).is_ok();
        let others: Vec<&String> = names.iter().filter(is_there).collect();
        let bar = Bar::new();
        let mut children: Vec<Tried<Child, FailedChild>> = Vec::with_capacity(names.len());
        for name in &names {
            bar.show(children.len() as f64 / names.len() as f64, "timing children");
            let other = others.iter().rfind(|&&other| other != name).map_or(name, |&other| other);
            let child = self.child(runtime, name, other, tensor.as_deref());
            children.push(match child {
                Ok(child) => {
                    let is_first = children.iter().all(|other| other.done().is_none());
                    bar.pause(|| {
                        output.show(|out| {
                            if is_first {
                                writeln!(out, "{}", runtime.device())?;
                            }
                            child.print(out)
                        })
                    })?;
                    Tried::Done(child)
                }
                Err(error) => {
                    let error = bar.pause(|| output.failed(&error));
                    Tried::Failed(FailedChild { name: name.clone(), error })
                }
            });
        }
        let set_up = runtime.supernet().load_times();
        let (open, load) = (&opened.open, &opened.load);
        let bench = Bench {
            device: runtime.device().clone(),
            device_type: runtime.adapter().device_type.clone(),
            subgroups: runtime.adapter().subgroups,
            pipeline_cache: device.cache_folder().map(|_| runtime.supernet().context().pipeline_cache().to_string()),
            open_ms: open.wall.0,
            open_cpu_ms: open.cpu.map(|cpu| cpu.0),
            load_ms: load.wall.0,
            load_cpu_ms: load.cpu.map(|cpu| cpu.0),
            pipeline_ms: set_up.pipeline_time.0,
            pipelines: set_up.pipelines,
            upload_ms: set_up.upload_time.0,
            memory: runtime.supernet().memory(),
            peak_process_bytes: peak_process_bytes(),
            gates: Vec::new(),
            children,
        };
        Ok(Bench { gates: self.gate.iter().flat_map(|gate| bench.judged(gate)).collect(), ..bench })
    }

    fn child(&self, runtime: &Runtime, name: &str, other: &str, tensor: Option<&[f32]>) -> Result<Child> {
        let prepared = runtime.prepared(name)?;
        let cost = prepared.network().cost();
        let input = match tensor {
            Some(tensor) => Input::Tensor(tensor),
            None => Input::Image(runtime.probe_image()),
        };
        let (logits, first) = once(runtime, prepared, &input)?;
        // The following figures are of the fast kernels, compiled while the fallback ones gave the first result.
        let stopwatch = Stopwatch::start();
        runtime.supernet().wait_until_ready()?;
        let ready = stopwatch.elapsed();
        if let Some(path) = &self.logits {
            write_atomically(path, |file| logits.iter().try_for_each(|value| file.write_all(&value.to_le_bytes())))?;
        }

        let mut switches = Vec::with_capacity(SWITCHES);
        for _ in 0..SWITCHES {
            runtime.switch_to(other)?;
            switches.push(Millis::from(runtime.switch_to(name)?));
        }
        let whole = self.whole(runtime, prepared, &input)?;
        let walls: Vec<Millis> = whole.iter().map(|spent| spent.wall).collect();
        let cpus: Option<Vec<Millis>> = whole.iter().map(|spent| spent.cpu).collect();
        let Latency { p50, p90, .. } = Latency::of(&walls);
        let (clock, layers) = if self.whole_only {
            (None, Vec::new())
        } else {
            let times = runtime.supernet().time_layers(prepared, LAYER_REPEATS)?;
            (Some(times.clock), times.layers)
        };
        let mut by_operator: BTreeMap<Operator, (usize, f64, u64)> = BTreeMap::new();
        for layer in &layers {
            let sum = by_operator.entry(layer.shape.operator).or_default();
            *sum = (sum.0 + 1, sum.1 + layer.latency_ms.0, sum.2 + layer.shape.madds());
        }
        Ok(Child {
            name: name.to_owned(),
            child: prepared.to_string(),
            madds: cost.madds.0,
            params: cost.params,
            first_result_ms: first.wall.0,
            first_result_cpu_ms: first.cpu.map(|cpu| cpu.0),
            ready_after_ms: ready.wall.0,
            p50_ms: p50.0,
            p90_ms: p90.0,
            cpu_ms: cpus.map(|cpus| Latency::of(&cpus).p50.0),
            runs: whole.len(),
            switch_us: Latency::of(&switches).p50.micros(),
            layers_timed_by: clock,
            operators: (by_operator.into_iter())
                .map(|(operator, (layers, ms, madds))| OperatorTime { operator, layers, ms, gflops: gflops(madds, ms) })
                .collect(),
            layers: (layers.into_iter().zip(&prepared.network().layers))
                .map(|(layer, of)| Layer {
                    gflops: gflops(layer.shape.madds(), layer.latency_ms.0),
                    name: of.name.to_string(),
                    description: layer.shape.to_string(),
                    shape: layer.shape,
                    ms: layer.latency_ms.0,
                })
                .collect(),
        })
    }

    fn whole(&self, runtime: &Runtime, child: &PreparedChild, input: &Input<'_>) -> Result<Vec<Elapsed>> {
        for _ in 0..WARM_UPS {
            once(runtime, child, input)?;
        }
        let (seconds, runs) = if self.single_stream { SINGLE_STREAM } else { (self.seconds, MIN_RUNS) };
        let (started, enough) = (Instant::now(), Duration::from_secs(seconds));
        let mut whole = Vec::new();
        while whole.len() < runs || started.elapsed() < enough {
            whole.push(once(runtime, child, input)?.1);
        }
        Ok(whole)
    }
}

impl Bench {
    /// A limit with each figure that it is for.
    fn judged(&self, gate: &Gate) -> Vec<Judged> {
        let of_children = |value: fn(&Child) -> f64| {
            let done = self.children.iter().filter_map(Tried::done);
            done.map(|child| gate.judge(Some(&child.name), Some(value(child)))).collect()
        };
        match gate.quantity() {
            Quantity::P50 => of_children(|child| child.p50_ms),
            Quantity::P90 => of_children(|child| child.p90_ms),
            Quantity::First => of_children(|child| child.first_result_ms).into_iter().take(1).collect(),
            Quantity::Load => vec![gate.judge(None, Some(self.load_ms))],
            Quantity::Memory => vec![gate.judge(None, Some(self.memory.gpu() as f64))],
            Quantity::Process => vec![gate.judge(None, self.peak_process_bytes.map(|bytes| bytes as f64))],
        }
    }
}

/// The most memory that this process had, by Linux's and Android's own account.
fn peak_process_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(1024 * line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?)
}

impl Child {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        let (madds, params) = (self.madds as f64 / 1e6, self.params as f64 / 1e3);
        writeln!(out, "\n{} ({}): {madds:.2} M MAdds, {params:.1} k params", self.name, self.child)?;
        let cpu = self.cpu_ms.map(|ms| format!(", CPU {ms:.3} ms")).unwrap_or_default();
        writeln!(
            out,
            "whole p50 {:.3} ms, p90 {:.3} ms{cpu} ({} runs); first result {:.1} ms; switch {:.2} us",
            self.p50_ms, self.p90_ms, self.runs, self.first_result_ms, self.switch_us
        )?;
        let Some(clock) = &self.layers_timed_by else { return Ok(()) };
        let mut rows = vec![row(["layer", "ms", "GFLOP/s", "shape"])];
        for layer in &self.layers {
            let (ms, rate) = (format!("{:.4}", layer.ms), format!("{:.1}", layer.gflops));
            rows.push(vec![layer.name.clone(), ms, rate, layer.shape.to_string()]);
        }
        for work in &self.operators {
            let name = format!("all {:?}", work.operator).to_lowercase();
            let (ms, rate) = (format!("{:.4}", work.ms), format!("{:.1}", work.gflops));
            rows.push(vec![name, ms, rate, format!("{} layers", work.layers)]);
        }
        columns(out, &rows)?;
        writeln!(out, "layers timed by {clock:?}")
    }
}

impl Report for Bench {
    /// The children were printed as they were timed.
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.children.iter().all(|child| child.done().is_none()) {
            return Ok(());
        }
        writeln!(
            out,
            "\nbundle opened in {:.2} ms; loaded in {:.1} ms ({} pipelines {:.1} ms, weights {:.1} ms)\n{}",
            self.open_ms, self.load_ms, self.pipelines, self.pipeline_ms, self.upload_ms, self.memory
        )?;
        if let Some(bytes) = self.peak_process_bytes {
            writeln!(out, "the process had {:.1} MB at most", bytes as f64 / 1e6)?;
        }
        if let Some(cache) = &self.pipeline_cache {
            writeln!(out, "pipeline cache: {cache}")?;
        }
        self.gates.iter().try_for_each(|gate| writeln!(out, "{gate}"))
    }

    fn failed(&self) -> Option<Fault> {
        let faults = self.children.iter().filter_map(Tried::failed).map(|failed| &failed.error);
        Fault::of_inputs(faults, self.children.len()).or_else(|| missed(&self.gates))
    }
}
