//! `cargo xtask bench`: how fast the trainer's step and the device's children are.

use crate::programs::{Programs, json, write_json};
use crate::{setup, workspace};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Flags of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Options {
    /// Bundle whose children are timed
    #[arg(long, default_value = "examples/assets/fashion.nestling")]
    bundle: String,
}

/// Measures, prints and writes `target/bench/bench.json`.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure()?;
    let programs = Programs::build()?;
    let folder = workspace::target().join("bench");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    println!("\n== device");
    let device = json(programs.device(&["bench", &options.bundle]))?;
    println!("\n== trainer");
    let trainer = json(programs.trainer(&["bench"]))?;
    let path = folder.join("bench.json");
    write_json(&path, &json!({ "device": device, "trainer": trainer }))?;
    print_device(&device);
    print_trainer(&trainer);
    println!("written to {}", path.display());
    Ok(())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn word(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

fn print_device(device: &Value) {
    let at = &device["device"];
    println!("\ndevice: {} ({}, {})", word(&at["adapter"]), word(&at["backend"]), word(&at["precision"]));
    println!(
        "  open the bundle {:.1} ms, load {:.0} ms, of it {} pipelines {:.0} ms",
        number(&device["open_ms"]),
        number(&device["load_ms"]),
        device["pipelines"],
        number(&device["pipeline_ms"])
    );
    for child in list(&device["children"]) {
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
                "    {:10} {:2} layers {:8.3} ms {:8.2} GFLOP/s",
                word(&operator["operator"]),
                operator["layers"],
                number(&operator["ms"]),
                operator["gflops"].as_f64().unwrap_or(0.0)
            );
        }
        for layer in list(&child["layers"]) {
            println!(
                "      {:26} {:42} {:8.3} ms {:8.2} GFLOP/s",
                word(&layer["name"]),
                word(&layer["shape"]),
                number(&layer["ms"]),
                layer["gflops"].as_f64().unwrap_or(0.0)
            );
        }
    }
}

fn print_trainer(trainer: &Value) {
    println!("\ntraining step, {} images a worker, one worker:", trainer["batch_size"]);
    let line = |what: &str, key: &str| println!("  {what:34} {:8.2}", number(&trainer[key]));
    line("biggest alone, images per CPU-second", "biggest_images_per_cpu_s");
    line("sandwich, images per CPU-second", "sandwich_images_per_cpu_s");
    line("sandwich over biggest, measured", "sandwich_over_biggest");
    line("sandwich over biggest, by MAdds", "predicted_sandwich_over_biggest");
    line("two workers over one, per second", "two_workers_over_one");
}
