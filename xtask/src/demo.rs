//! `cargo xtask demo`: the main job. It only chains the programs' own subcommands; each can be run alone.

use crate::programs::{Programs, json, write_json};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Instant;

/// Flags of `cargo xtask demo`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Forget an earlier demo and train anew
    #[arg(long)]
    fresh: bool,
    /// Passes over the training images [default: the trainer's; fewer for a quick look, with lower accuracy]
    #[arg(long)]
    epochs: Option<u32>,
}

/// Test images that each budget's child classifies on the device.
const CLASSIFIED: &str = "2000";

/// Runs the demo.
pub fn run(options: &Options) -> Result<()> {
    step("set-up");
    setup::ensure()?;
    step("build");
    let programs = Programs::build()?;
    let started = Instant::now();
    let folder = workspace::target().join("demo");
    if options.fresh && folder.exists() {
        std::fs::remove_dir_all(&folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let text = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let (run, bundle, profile) = (text("run"), text("fashion.nestling"), text("device-profile.json"));

    step("train one supernet (sandwich rule, inplace distillation)");
    let mut train = programs.trainer(&["train", "--run", &run]);
    if let Some(epochs) = options.epochs {
        train.args(["--epochs", &epochs.to_string()]);
    }
    let trained = json(train)?;

    step("search: calibrate and evaluate a grid of children on held-out images");
    let searched = json(programs.trainer(&["search", "--run", &run]))?;
    step("pack the bundle");
    json(programs.trainer(&["pack", "--run", &run, "--output", &bundle]))?;

    step("measure this device");
    let profiled = json(programs.device(&["profile", &bundle, "--seconds", "10", "--out", &profile]))?;
    write_json(&folder.join("profile.json"), &profiled)?;
    step("slice a child for each of three budgets");
    let chosen = json(programs.device(&["choose", &bundle, "--profile", &profile]))?;
    step("switch 1,000 times and count what moves");
    let switched = json(programs.device(&["switch", &bundle]))?;

    step("classify test images with each chosen child on the device");
    let images = setup::dataset_file("t10k-images-idx3-ubyte")?;
    let labels = setup::dataset_file("t10k-labels-idx1-ubyte")?;
    let mut budgets = chosen["budgets"].as_array().cloned().unwrap_or_default();
    if budgets.is_empty() {
        bail!("no budget could be kept on this device; is the machine busy?");
    }
    for old in 0.. {
        // Of an earlier demo with more budgets.
        if std::fs::remove_file(folder.join(format!("classified-{old}.json"))).is_err() {
            break;
        }
    }
    for (index, budget) in budgets.iter_mut().enumerate() {
        let name = budget["name"].as_str().unwrap_or_default().to_owned();
        let arguments = ["classify", &bundle, "--child", &name, "--images", &images, "--labels", &labels];
        let mut classify = programs.device(&arguments);
        classify.args(["--limit", CLASSIFIED]);
        let classified = json(classify)?;
        budget["device_top1"] = classified["top1"].clone();
        write_json(&folder.join(format!("classified-{index}.json")), &classified)?;
    }

    step("compare the device's logits with the trainer's");
    let parity = json(programs.trainer(&["parity", &bundle]))?;

    let summary = json!({
        "train": trained["train"],
        "trained_on": trained["device"],
        "children": searched["children"],
        "device": chosen["device"],
        "budgets": budgets,
        "switch": switched,
        "parity": parity,
        "wall_s_after_build": started.elapsed().as_secs_f64(),
    });
    write_json(&folder.join("summary.json"), &summary)?;
    step("report");
    process::run(&mut programs.trainer(&["report", "--demo", &folder.to_string_lossy()]))?;
    print_summary(&summary, &folder);
    Ok(())
}

fn step(what: &str) {
    println!("\n== {what}");
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}

fn print_summary(summary: &Value, folder: &Path) {
    let word = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let train = &summary["train"];
    println!("\ntrained {} images in {:.0} CPU-seconds", train["images"], number(&train["cpu_s"]));
    for child in
        list(&summary["children"]).iter().filter(|child| ["smallest", "biggest"].contains(&&*word(&child["name"])))
    {
        println!("  {:9} {:6.2} % of 10,000 test images", word(&child["name"]), number(&child["test_top1"]));
    }
    let device = &summary["device"];
    println!("on {} ({}, {}):", word(&device["adapter"]), word(&device["backend"]), word(&device["precision"]));
    println!("  budget     child       predicted  p50        p90        top-1    MAdds     params    switch");
    for budget in list(&summary["budgets"]) {
        println!(
            "  {:7.2} ms {:11} {:7.2} ms {:7.2} ms {:7.2} ms {:6.2} % {:7.2} M {:8} {:6.1} us",
            number(&budget["budget_ms"]),
            word(&budget["name"]),
            number(&budget["predicted_ms"]),
            number(&budget["measured_p50_ms"]),
            number(&budget["measured_p90_ms"]),
            number(&budget["top1"]),
            number(&budget["madds"]) / 1e6,
            budget["params"],
            number(&budget["switch_us"]),
        );
    }
    let switch = &summary["switch"];
    println!(
        "{} switches: {} bytes of weights, {} buffers, {} bind groups, {} pipelines",
        switch["switches"], switch["weight_bytes"], switch["buffers"], switch["bind_groups"], switch["pipelines"]
    );
    let parity = &summary["parity"];
    println!(
        "device against trainer: largest relative error {:.1e}, same class for {:.3} %",
        number(&parity["max_relative_error"]),
        100.0 * number(&parity["top1_agreement"])
    );
    println!("after the build it took {:.0} s", number(&summary["wall_s_after_build"]));
    println!("\nsummary  {}\nreport   {}", folder.join("summary.json").display(), folder.join("report.html").display());
}
