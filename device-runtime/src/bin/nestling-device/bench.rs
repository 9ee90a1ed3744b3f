use crate::device::{self, Opened};
use crate::output::{Report, columns, row};
use crate::progress::Bar;
use anyhow::Result;
use nestling::engine::{Clock, MemoryUse};
use nestling::latency::{DeviceKey, Latency};
use nestling::space::{LayerShape, Operator};
use nestling::{Image, Millis, Runtime};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Times shipped children: opening, switching, layers and whole.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  nestling-device bench fashion.nestling --seconds 4 --json")]
pub struct Options {
    /// The bundle.
    bundle: PathBuf,
    /// Name of a child to time; may be repeated. The smallest and the biggest that ship if not given.
    #[arg(long = "child")]
    children: Vec<String>,
    /// About how many seconds to time each child.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

#[derive(Serialize)]
pub struct Bench {
    device: DeviceKey,
    /// Mapping and verifying the file.
    open_ms: f64,
    /// From no adapter to all children ready.
    load_ms: f64,
    /// Of these, building pipelines.
    pipeline_ms: f64,
    pipelines: usize,
    /// Of these, packing and sending weights.
    upload_ms: f64,
    memory: MemoryUse,
    children: Vec<Child>,
}

#[derive(Serialize)]
struct Child {
    name: String,
    child: String,
    madds: u64,
    params: u64,
    /// The very first inference: some drivers compile in it.
    first_result_ms: f64,
    p50_ms: f64,
    p90_ms: f64,
    runs: usize,
    switch_us: f64,
    layers_timed_by: Clock,
    operators: Vec<Work>,
    layers: Vec<Layer>,
}

/// All layers of one kind.
#[derive(Serialize)]
struct Work {
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

/// Two floating-point operations a multiply-accumulate.
fn gflops(madds: u64, ms: f64) -> f64 {
    if ms > 0.0 { 2.0 * madds as f64 / (ms * 1e6) } else { 0.0 }
}

impl Options {
    pub fn run(&self, device: &device::Options) -> Result<Bench> {
        let Opened { runtime, open_time, load_time, .. } = device.open_to_time(&self.bundle)?;
        let mut names = self.children.clone();
        if names.is_empty() {
            names = runtime.children().map(|entry| entry.name.clone()).collect();
            if names.len() > 2 {
                names.drain(1..names.len() - 1);
            }
        }
        let bar = Bar::new();
        let mut children = Vec::new();
        for (name, other) in names.iter().zip(names.iter().rev()) {
            bar.show(children.len() as f64 / names.len() as f64, "timing children");
            children.push(self.child(&runtime, name, other)?);
        }
        let set_up = runtime.supernet().set_up();
        Ok(Bench {
            device: runtime.device().clone(),
            open_ms: open_time.0,
            load_ms: load_time.0,
            pipeline_ms: set_up.pipeline_time.0,
            pipelines: set_up.pipelines,
            upload_ms: set_up.upload_time.0,
            memory: runtime.supernet().memory(),
            children,
        })
    }

    fn child(&self, runtime: &Runtime, name: &str, other: &str) -> Result<Child> {
        let prepared = runtime.prepared(name)?;
        let cost = prepared.network().cost();
        let side = prepared.network().input.width;
        let pixels = vec![128; 4 * side as usize * side as usize];
        let before = Instant::now();
        runtime.supernet().infer(prepared, &Image::rgba8(side, side, &pixels)?)?;
        let first = Millis::from(before.elapsed());

        let mut switches = Vec::with_capacity(SWITCHES);
        for _ in 0..SWITCHES {
            runtime.switch_to(other)?;
            switches.push(Millis::from(runtime.switch_to(name)?));
        }
        let whole = runtime.time(prepared, Duration::from_secs(self.seconds))?;
        let Latency { p50, p90 } = Latency::of(&whole);
        let times = runtime.supernet().time_layers(prepared, LAYER_REPEATS)?;
        let mut by_operator: BTreeMap<Operator, (usize, f64, u64)> = BTreeMap::new();
        for layer in &times.layers {
            let sum = by_operator.entry(layer.shape.operator).or_default();
            *sum = (sum.0 + 1, sum.1 + layer.time.0, sum.2 + layer.shape.madds());
        }
        Ok(Child {
            name: name.to_owned(),
            child: prepared.to_string(),
            madds: cost.madds.0,
            params: cost.params,
            first_result_ms: first.0,
            p50_ms: p50.0,
            p90_ms: p90.0,
            runs: whole.len(),
            switch_us: Latency::of(&switches).p50.micros(),
            layers_timed_by: times.clock,
            operators: (by_operator.into_iter())
                .map(|(operator, (layers, ms, madds))| Work { operator, layers, ms, gflops: gflops(madds, ms) })
                .collect(),
            layers: (times.layers.into_iter())
                .map(|layer| Layer {
                    gflops: gflops(layer.shape.madds(), layer.time.0),
                    name: layer.name,
                    description: layer.shape.to_string(),
                    shape: layer.shape,
                    ms: layer.time.0,
                })
                .collect(),
        })
    }
}

impl Report for Bench {
    fn print(&self, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}", self.device)?;
        writeln!(
            out,
            "bundle opened in {:.2} ms; loaded in {:.1} ms ({} pipelines {:.1} ms, weights {:.1} ms)\n{}",
            self.open_ms, self.load_ms, self.pipelines, self.pipeline_ms, self.upload_ms, self.memory
        )?;
        for child in &self.children {
            let (madds, params) = (child.madds as f64 / 1e6, child.params as f64 / 1e3);
            writeln!(out, "\n{} ({}): {madds:.2} M MAdds, {params:.1} k params", child.name, child.child)?;
            writeln!(
                out,
                "whole p50 {:.3} ms, p90 {:.3} ms ({} runs); first result {:.1} ms; switch {:.2} us",
                child.p50_ms, child.p90_ms, child.runs, child.first_result_ms, child.switch_us
            )?;
            let mut rows = vec![row(["layer", "ms", "GFLOP/s", "shape"])];
            for layer in &child.layers {
                let (ms, rate) = (format!("{:.4}", layer.ms), format!("{:.1}", layer.gflops));
                rows.push(vec![layer.name.clone(), ms, rate, layer.shape.to_string()]);
            }
            for work in &child.operators {
                let name = format!("all {:?}", work.operator).to_lowercase();
                let (ms, rate) = (format!("{:.4}", work.ms), format!("{:.1}", work.gflops));
                rows.push(vec![name, ms, rate, format!("{} layers", work.layers)]);
            }
            columns(out, &rows)?;
            writeln!(out, "layers timed by {:?}", child.layers_timed_by)?;
        }
        Ok(())
    }
}
