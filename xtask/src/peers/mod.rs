//! `cargo xtask bench --peers`: runs the same networks in other engines on this machine.
//!
//! Every network is a child of one bundle, exported to ONNX and converted from there. Every engine runs it in a process
//! of its own. The engines take turns over several rounds, so that other load on the machine affects all of them.

mod engines;
mod results;
pub mod start;

use crate::photo::import_lite0;
use crate::programs::{Programs, json, write_json};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail, ensure};
use engines::{Cache, ENGINES, Engine, Network, Runner, read_floats};
use results::{Machine, Results, largest_relative_error};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Names of the networks and of the bundle's children that they are.
const NETWORKS: [(&str, &str); 3] =
    [("table1-smallest-192", "smallest"), ("lite0-224", "lite0"), ("table1-biggest-320", "biggest")];

/// Seconds for which each process times an engine.
const SECONDS: u32 = 2;

/// Largest relative difference between ONNX Runtime and the trainer.
const TRAINER_LIMIT: f64 = 1e-4;

/// Measures, prints and writes `target/bench/peers.json`.
pub fn run(rounds: u32) -> Result<()> {
    let Prepared { programs, peers, folder, bundle, networks } = prepare()?;
    println!("\n== check");
    let runner = Runner { programs: &programs, peers: &peers, bundle: &bundle, folder: &folder, seconds: SECONDS };
    let adapter = runner.adapter(&networks[0])?;
    let engines: Vec<Engine> =
        ENGINES.into_iter().filter(|&engine| adapter.subgroups || engine != ENGINES[0]).collect();
    println!("{} ({})", adapter.name, adapter.driver);
    let mut results = Results::new(adapter, Machine::now(), rounds, SECONDS);
    for network in &networks {
        check(&runner, &engines, network, &mut results)?;
    }
    for round in 0..rounds {
        println!("\n== round {} of {rounds}", round + 1);
        for network in &networks {
            measure(&runner, &engines, network, round, &mut results)?;
        }
    }
    let document = results.document(&networks);
    let path = workspace::target().join("bench/peers.json");
    write_json(&path, &document)?;
    results.print(&document);
    println!("\nwritten to {}", path.display());
    Ok(())
}

/// All that a comparison needs.
struct Prepared {
    programs: Programs,
    peers: setup::Peers,
    folder: PathBuf,
    bundle: PathBuf,
    networks: Vec<Network>,
}

/// Fetches, builds and converts.
fn prepare() -> Result<Prepared> {
    println!("\n== fetch");
    let peers = setup::peers()?;
    setup::ensure()?;
    println!("\n== build");
    let programs = Programs::build()?;
    let folder = workspace::target().join("bench/peers");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    println!("\n== convert");
    let bundle = folder.join("lite0.nestling");
    import_lite0(&programs, &setup::photo()?, &bundle.to_string_lossy(), &[])?;
    let networks = NETWORKS
        .iter()
        .map(|&(name, child)| convert(&programs, &peers.pnnx, &bundle, &folder, name, child))
        .collect::<Result<Vec<_>>>()?;

    Ok(Prepared { programs, peers, folder, bundle, networks })
}

/// Exports a child to ONNX and converts it for ncnn.
fn convert(
    programs: &Programs,
    pnnx: &Path,
    bundle: &Path,
    folder: &Path,
    name: &'static str,
    child: &'static str,
) -> Result<Network> {
    let model = folder.join(name);
    let onnx = format!("{name}.onnx");
    let mut export = programs.trainer(&["export", &bundle.to_string_lossy(), "--child", child, "--golden"]);
    export.arg("--output").arg(folder.join(&onnx));
    let exported = json(export)?;
    let file = &exported["files"][0];
    let golden = |part: &str| PathBuf::from(file["golden"][0][part].as_str().unwrap_or_default());
    let shape = file["input"].to_string();
    ensure!(file["input"][2] == file["input"][3], "{name} takes no square image: {shape}");

    let made = [format!("{name}.ncnn.param"), format!("{name}.ncnn.bin")];
    for file in &made {
        let _ = std::fs::remove_file(folder.join(file)); // an older one must not pass for the new one
    }
    let mut convert = Command::new(pnnx);
    // In f32: an engine that shall compute in half precision rounds the weights itself.
    convert.args([&onnx, &format!("inputshape={shape}"), "fp16=0"]);
    // The default names have underscores in place of dashes.
    convert.args([format!("ncnnparam={}", made[0]), format!("ncnnbin={}", made[1])]);
    convert.current_dir(folder).stdin(Stdio::null());
    let shown = process::display(&convert);
    let output = convert.output().with_context(|| format!("could not start `{shown}`"))?;
    if !output.status.success() || !made.iter().all(|file| folder.join(file).is_file()) {
        let printed = [output.stdout, output.stderr].concat();
        bail!("`{shown}` failed ({}):\n{}", output.status, String::from_utf8_lossy(&printed));
    }
    println!("{name}: input {shape}");
    Ok(Network { name, child, model, input: golden("input"), trainer: read_floats(&golden("trainer"))? })
}

/// Fails unless every engine computes the same network. Also fills the driver's cache.
fn check(runner: &Runner<'_>, engines: &[Engine], network: &Network, results: &mut Results) -> Result<()> {
    let reference = runner.run(Engine::OnnxRuntimeCpu, network, &results.adapter.name, Cache::Kept, false)?.logits;
    let error = largest_relative_error(&network.trainer, &reference);
    ensure!(error <= TRAINER_LIMIT, "{}: trainer and ONNX Runtime differ by {error:.1e}", network.name);
    for &engine in engines {
        let sample = runner.run(engine, network, &results.adapter.name, Cache::Kept, false)?;
        let error = largest_relative_error(&sample.logits, &reference);
        println!("  {:20} {:27} {error:.1e} from ONNX Runtime", network.name, engine.name());
        let limit = engine.tolerance();
        ensure!(error <= limit, "{} differs from ONNX Runtime by more than {limit:.0e}", engine.name());
        results.agree(network.name, engine, error);
    }
    Ok(())
}

/// Runs one process of each engine; each round begins with another engine.
fn measure(
    runner: &Runner<'_>,
    engines: &[Engine],
    network: &Network,
    round: u32,
    results: &mut Results,
) -> Result<()> {
    for index in 0..engines.len() {
        let engine = engines[(index + round as usize) % engines.len()];
        let sample = runner.run(engine, network, &results.adapter.name, Cache::Kept, true)?;
        let (name, wall, cpu) = (engine.name(), sample.p50_ms, sample.cpu_ms);
        println!("  {:20} {name:27} CPU {cpu:9.2} ms, wall {wall:9.2} ms, {} runs", network.name, sample.runs);
        results.add(network.name, engine, sample);
    }
    // Only Mesa's cache can be switched off.
    if results.adapter.driver.contains("Mesa") {
        for &engine in engines.iter().filter(|engine| engine.is_started_cold()) {
            let sample = runner.run(engine, network, &results.adapter.name, Cache::Disabled, false)?;
            let cpu = sample.start_cpu_ms();
            println!("  {:20} {:27} CPU {cpu:9.0} ms from nothing to logits, no cache", network.name, engine.name());
            results.add_cold(network.name, engine, sample);
        }
    }
    Ok(())
}
