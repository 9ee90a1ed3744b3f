//! `cargo xtask demo`: trains, searches, packs, measures this device, chooses children and reports.
//!
//! Each step is a subcommand of one of the two programs, which can be run alone.

use crate::programs::{Programs, json, write_json};
use crate::values::{list, number, word};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Flags of `cargo xtask demo`.
#[derive(clap::Args, Default)]
pub struct Options {
    /// Remove the files of an earlier demo and train again
    #[arg(long)]
    fresh: bool,
    /// Passes over the training images; fewer take less time and give a lower accuracy [default: the trainer's]
    #[arg(long)]
    epochs: Option<u32>,
}

/// Number of test images that each budget's child classifies on the device.
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
    let demo = Demo { programs, folder };

    let (trained, searched) = demo.train(options)?;
    let (chosen, switched) = demo.slice()?;
    let budgets = demo.classify(list(&chosen["budgets"]).to_vec())?;
    step("compare the device's logits with the trainer's");
    let parity = json(demo.programs.trainer(&["parity", &demo.bundle()]))?;

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
    write_json(&demo.folder.join("summary.json"), &summary)?;
    step("report");
    process::run(&mut demo.programs.trainer(&["report", "--demo", &demo.folder.to_string_lossy()]))?;
    print_summary(&summary, &demo.folder);
    Ok(())
}

struct Demo {
    programs: Programs,
    folder: PathBuf,
}

impl Demo {
    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn bundle(&self) -> String {
        self.path("fashion.nestling")
    }

    /// Trains, searches and packs; returns the documents of training and search.
    fn train(&self, options: &Options) -> Result<(Value, Value)> {
        let (programs, run) = (&self.programs, self.path("run"));
        step("train one supernet (sandwich rule, inplace distillation)");
        let mut train = programs.trainer(&["train", "--run", &run]);
        if let Some(epochs) = options.epochs {
            train.args(["--epochs", &epochs.to_string()]);
        }
        let trained = json(train)?;
        step("search: calibrate and evaluate a grid of children on held-out images");
        let searched = json(programs.trainer(&["search", "--run", &run]))?;
        step("pack the bundle");
        json(programs.trainer(&["pack", "--run", &run, "--output", &self.bundle(), "--replace"]))?;
        Ok((trained, searched))
    }

    /// Measures the device, chooses children and switches between them; returns the choices and the switches.
    fn slice(&self) -> Result<(Value, Value)> {
        let (programs, bundle, profile) = (&self.programs, self.bundle(), self.path("device-profile.json"));
        step("measure this device");
        let profiled = json(programs.device(&["profile", &bundle, "--seconds", "10", "--out", &profile]))?;
        write_json(&self.folder.join("profile.json"), &profiled)?;
        step("slice a child for each of three budgets");
        let chosen = json(programs.device(&["choose", &bundle, "--profile", &profile]))?;
        step("switch 1,000 times and count the bytes and buffers that move");
        let switched = json(programs.device(&["switch", &bundle]))?;
        Ok((chosen, switched))
    }

    /// Adds the accuracy on this device to each budget's child.
    fn classify(&self, mut budgets: Vec<Value>) -> Result<Vec<Value>> {
        step("classify test images with each chosen child on the device");
        let images = setup::dataset_file("t10k-images-idx3-ubyte")?;
        let labels = setup::dataset_file("t10k-labels-idx1-ubyte")?;
        if budgets.is_empty() {
            bail!("no budget could be kept on this device; is the machine busy?");
        }
        let file = |index: usize| self.folder.join(format!("classified-{index}.json"));
        // An earlier demo may have had more budgets.
        (0..).find(|&index| std::fs::remove_file(file(index)).is_err());
        for (index, budget) in budgets.iter_mut().enumerate() {
            let (bundle, child) = (self.bundle(), word(&budget["name"]).to_owned());
            let arguments = ["classify", &bundle, "--child", &child, "--images", &images, "--labels", &labels];
            let mut classify = self.programs.device(&arguments);
            classify.args(["--limit", CLASSIFIED]);
            let classified = json(classify)?;
            budget["device_top1"] = classified["top1"].clone();
            write_json(&file(index), &classified)?;
        }
        Ok(budgets)
    }
}

fn step(name: &str) {
    println!("\n== {name}");
}

fn print_summary(summary: &Value, folder: &Path) {
    let train = &summary["train"];
    println!("\ntrained {} images in {:.0} CPU-seconds", train["images"], number(&train["cpu_s"]));
    let is_end = |child: &&Value| ["smallest", "biggest"].contains(&word(&child["name"]));
    for child in list(&summary["children"]).iter().filter(is_end) {
        println!("  {:9} {:6.2} % of 10,000 test images", word(&child["name"]), number(&child["test_top1"]));
    }
    let device = &summary["device"];
    println!("on {} ({}, {}):", word(&device["adapter"]), word(&device["backend"]), word(&device["precision"]));
    println!("  budget     child       predicted  p50        p90        top-1    MAdds     params    switch");
    list(&summary["budgets"]).iter().for_each(print_budget);
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

fn print_budget(budget: &Value) {
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
