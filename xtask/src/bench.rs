//! `cargo xtask bench`: times the trainer's step and the device's children.

use crate::programs::{Programs, json, write_json};
use crate::values::{list, number, word};
use crate::{against, peers, photo, setup, step, workspace};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Flags of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Options {
    /// Time only this bundle's children, on the device
    #[arg(long)]
    bundle: Option<String>,
    /// Leave out the ImageNet-sized children, which need published weights (44 MB to fetch)
    #[arg(long)]
    small: bool,
    /// Compare this engine with ncnn (Vulkan) and ONNX Runtime (CPU) on the same networks, in turns
    ///
    /// Installs both in a Python environment under target/ (86 MB to fetch, once). Writes target/bench/peers.json.
    #[arg(long, conflicts_with_all = ["bundle", "small"])]
    peers: bool,
    /// Time only training steps, the demo's beside PyTorch
    ///
    /// Installs PyTorch in a Python environment under target/ (2.5 GB to fetch, once). Writes target/bench/step.json.
    #[arg(long, conflicts_with_all = ["bundle", "small", "peers", "against"])]
    step: bool,
    /// Compare this checkout with an older build of `nestling-device`, in turns, on --bundle or the demo's bundle
    ///
    /// Writes target/bench/against.json. The bundle must have a format that both programs read.
    #[arg(long, value_name = "PROGRAM", conflicts_with_all = ["peers", "small"])]
    against: Option<PathBuf>,
    /// With --peers: processes in which each engine runs each network; with --against: turns of each program
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
}

/// Children of more layers print no layers; the JSON has all.
const MAX_PRINTED_LAYERS: usize = 40;

/// The bundle that the demo trained.
const DEMO_BUNDLE: &str = "examples/assets/fashion.nestling";

/// The results of `--step`.
const STEP: &str = "step.json";

/// A bundle and those of its children that are timed.
struct Subject {
    /// Key in `bench.json`.
    name: &'static str,
    bundle: String,
    children: &'static [&'static str],
}

/// Measures, prints and writes `target/bench/bench.json`.
pub fn run(options: &Options) -> Result<()> {
    if options.peers {
        return peers::run(options.rounds);
    }
    setup::ensure()?;
    if let Some(program) = &options.against {
        return against::run(program, options.bundle.as_deref().unwrap_or(DEMO_BUNDLE), options.rounds);
    }
    let programs = Programs::build()?;
    let folder = workspace::target().join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    if options.step {
        let path = folder.join(STEP);
        write_json(&path, &Value::Array(step::rows(&programs, true)?))?;
        println!("written to {}", path.display());
        return Ok(());
    }
    let mut document = json!({});
    for Subject { name, bundle, children } in subjects(options, &programs, &folder)? {
        println!("\n== device, {name}");
        let mut bench = programs.device(&["bench", &bundle]);
        for child in children {
            bench.args(["--child", child]);
        }
        let device = json(bench)?;
        print_device(&device);
        document[name] = device;
    }
    if options.bundle.is_none() {
        add_rest(&programs, &mut document)?;
    }
    let path = folder.join("bench.json");
    write_json(&path, &document)?;
    println!("written to {}", path.display());
    Ok(())
}

/// Adds the trainer, switches, and the last results of the longer commands, so that one file holds all figures.
fn add_rest(programs: &Programs, document: &mut Value) -> Result<()> {
    println!("\n== trainer");
    // PyTorch only where it is installed already: it is 2.5 GB.
    let rows = step::rows(programs, setup::has_torch_python())?;
    document["trainer"] = Value::Array(rows);
    let loader = json(programs.trainer(&["bench", "--loader"]))?;
    println!(
        "\nloader: {:.0} % of the decoder's speed per core, {:.0} times as fast from the cache",
        100.0 * number(&loader["share_of_raw_decode"]),
        number(&loader["cache_speedup"])
    );
    document["loader"] = loader;
    document["switch"] = json(programs.device(&["switch", DEMO_BUNDLE]))?;
    println!("\nswitch: p99 {:.1} us", number(&document["switch"]["switch_us_p99"]));
    document["shares_of_sgemm"] = shares_of_sgemm(document);
    for (key, path) in [("peers", "bench/peers.json"), ("storage", "storage/summary.json")] {
        if let Ok(text) = std::fs::read_to_string(workspace::target().join(path)) {
            document[key] = serde_json::from_str(&text).with_context(|| format!("target/{path} is damaged"))?;
        }
    }
    Ok(())
}

/// The demo's children, and those of ImageNet's size: table 1's smallest at 192 pixels and biggest at 320, with and
/// without squeeze-and-excite, and EfficientNet-Lite0 at 224.
fn subjects(options: &Options, programs: &Programs, folder: &Path) -> Result<Vec<Subject>> {
    if let Some(bundle) = &options.bundle {
        return Ok(vec![Subject { name: "device", bundle: bundle.clone(), children: &[] }]);
    }
    let bundle = DEMO_BUNDLE.to_owned();
    let mut subjects = vec![Subject { name: "device", bundle, children: &[] }];
    if !options.small {
        let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
        let bundle = path("lite0.nestling");
        photo::import_lite0(programs, &setup::photo()?, &bundle, &[])?;
        subjects.push(Subject { name: "table1-relu6", bundle, children: &["smallest", "lite0", "biggest"] });
        let bundle = path("table1.nestling");
        json(programs.trainer(&["init", "--space", "table1", "--output", &bundle, "--replace"]))?;
        subjects.push(Subject { name: "table1", bundle, children: &["smallest", "biggest"] });
    }
    Ok(subjects)
}

fn print_device(device: &Value) {
    let at = &device["device"];
    println!("\ndevice: {} ({}, {})", word(&at["adapter"]), word(&at["backend"]), word(&at["precision"]));
    println!(
        "  open the bundle {:.1} ms, load {:.0} ms, of it {} pipelines {:.0} ms and weights {:.0} ms",
        number(&device["open_ms"]),
        number(&device["load_ms"]),
        device["pipelines"],
        number(&device["pipeline_ms"]),
        number(&device["upload_ms"])
    );
    let megabytes = |key: &str| number(&device["memory"][key]) / 1e6;
    println!(
        "  on the GPU: weights {:.1} MB, activations {:.1} MB, all {:.1} MB",
        megabytes("weights"),
        megabytes("activations"),
        ["weights", "activations", "image", "children", "staging"].into_iter().map(megabytes).sum::<f64>()
    );
    list(&device["children"]).iter().for_each(print_child);
}

fn print_child(child: &Value) {
    println!(
        "  {}: {:.2} M MAdds, whole p50 {:.2} ms, p90 {:.2} ms, first result {:.1} ms, switch {:.1} us",
        word(&child["name"]),
        number(&child["madds"]) / 1e6,
        number(&child["p50_ms"]),
        number(&child["p90_ms"]),
        number(&child["first_result_ms"]),
        number(&child["switch_us"])
    );
    for operator in list(&child["operators"]) {
        println!(
            "    {:12} {:3} layers {:8.3} ms {:8.2} GFLOP/s",
            word(&operator["operator"]),
            operator["layers"],
            number(&operator["ms"]),
            operator["gflops"].as_f64().unwrap_or(0.0)
        );
    }
    let layers = list(&child["layers"]);
    if layers.len() > MAX_PRINTED_LAYERS {
        return;
    }
    for layer in layers {
        println!(
            "      {:26} {:42} {:8.3} ms {:8.2} GFLOP/s",
            word(&layer["name"]),
            word(&layer["description"]),
            number(&layer["ms"]),
            layer["gflops"].as_f64().unwrap_or(0.0)
        );
    }
}

/// Returns the share of the cores' rate in matrix products that a software adapter's kernels reach, by network, child
/// and operator.
///
/// A layer's time is wall time, in which lavapipe uses every core; it is compared with the rate of all cores.
fn shares_of_sgemm(document: &Value) -> Value {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let sgemm = cores * number(&document["trainer"][0]["sgemm_gflops"]);
    println!("\nshare of the {sgemm:.0} GFLOP/s that {cores} cores reach in matrix products:");
    let mut shares = json!({});
    for (name, device) in document.as_object().into_iter().flatten().filter(|(_, one)| one["device"].is_object()) {
        for child in list(&device["children"]) {
            let mut line = Vec::new();
            for operator in list(&child["operators"]) {
                let Some(rate) = operator["gflops"].as_f64() else { continue };
                shares[name][word(&child["name"])][word(&operator["operator"])] = json!(rate / sgemm);
                line.push(format!("{} {:.1} %", word(&operator["operator"]), 100.0 * rate / sgemm));
            }
            println!("  {name}, {}: {}", word(&child["name"]), line.join(", "));
        }
    }
    shares
}
