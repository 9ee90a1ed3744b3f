//! `cargo xtask pictures`: a supernet fine-tuned on drawings, beside its ends fine-tuned alone and a supernet from
//! random values.

mod runs;
mod summary;

use crate::programs::{Programs, json, write_json};
use crate::values::{list, number};
use crate::{photo, process, setup, workspace};
use anyhow::{Context, Result, bail};
use runs::{ALONE_EPOCHS, Experiment, Training, VARIANTS};
use serde_json::{Value, json};
use std::fs;
use summary::Outcome;

/// Flags of `cargo xtask pictures`.
#[derive(clap::Args)]
pub struct Options {
    /// Seeds, each with its own test pictures; a result is their mean
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    seeds: u32,
    /// Also try changes of the supernet's recipe, one at a time, on the first seed
    #[arg(long)]
    variants: bool,
    /// Remove the files of earlier trainings and train again
    #[arg(long)]
    fresh: bool,
}

/// Trains, tests, packs, compares with this device and writes `target/pictures/summary.json`.
pub fn run(options: &Options) -> Result<()> {
    let experiment = prepare(options)?;
    let mut outcomes = Vec::new();
    for seed in 1..=options.seeds {
        for training in Training::ALL {
            outcomes.push(outcome(&experiment, training, seed)?);
        }
    }
    // One seed shows what the supernet gains by its longer training.
    outcomes.push(outcome(&experiment, Training::EqualEpochs, 1)?);
    let mut document = summary::document(&outcomes, options.seeds);
    document["variants"] = Value::Array(variants(&experiment, options, &outcomes)?);
    add_bundle(&experiment, &mut document)?;
    let path = experiment.folder.join("summary.json");
    write_json(&path, &document)?;
    println!("\n{}\nsummary  {}", summary::table(&document), path.display());
    println!("report   {}", experiment.folder.join("report.html").display());
    let missed = summary::missed(&document);
    if missed.is_empty() { Ok(()) } else { bail!("{}", missed.join("; ")) }
}

fn step(name: &str) {
    println!("\n== {name}");
}

fn prepare(options: &Options) -> Result<Experiment> {
    step("set-up");
    setup::ensure()?;
    let (photo, pictures) = (setup::photo()?, setup::openclipart()?);
    step("build");
    let programs = Programs::build()?;
    let folder = workspace::target().join("pictures");
    for seed in (1..=options.seeds).filter(|_| options.fresh) {
        let runs = folder.join(format!("seed-{seed}"));
        if runs.exists() {
            fs::remove_dir_all(&runs).with_context(|| format!("cannot remove {}", runs.display()))?;
        }
    }
    let weights = folder.join("lite0.nestling").to_string_lossy().into_owned();
    photo::import_lite0(&programs, &photo, &weights, &[])?;
    Ok(Experiment { programs, folder, pictures, weights })
}

/// Trains and tests; the result of an earlier call is taken as it is.
fn outcome(experiment: &Experiment, training: Training, seed: u32) -> Result<Outcome> {
    step(&format!("seed {seed}: {}", training.name()));
    let file = experiment.run_folder(training, seed).join("outcome.json");
    if let Ok(text) = fs::read_to_string(&file) {
        let known: Value = serde_json::from_str(&text).with_context(|| format!("{} is damaged", file.display()))?;
        println!("done before: {known}");
        let top1 = ["smallest", "biggest"].map(|name| number(&known[name]));
        return Ok(Outcome { training, seed, cpu_s: number(&known["cpu_s"]), top1 });
    }
    let trained = experiment.train(training, seed)?;
    let top1 = experiment.test(training, seed)?;
    let outcome = Outcome { training, seed, cpu_s: number(&trained["train"]["cpu_s"]), top1 };
    write_json(&file, &outcome.document())?;
    println!("{}", outcome.document());
    Ok(outcome)
}

/// The gain of each change of the recipe over the supernet at equal epochs.
fn variants(experiment: &Experiment, options: &Options, outcomes: &[Outcome]) -> Result<Vec<Value>> {
    if !options.variants {
        return Ok(Vec::new());
    }
    let base = outcomes.iter().find(|outcome| outcome.training == Training::EqualEpochs && outcome.seed == 1);
    let base = base.context("the supernet at equal epochs was not trained")?;
    let mut rows = Vec::new();
    for variant in VARIANTS {
        let tried = outcome(experiment, Training::Variant(variant), 1)?;
        rows.push(json!({
            "name": variant.name,
            "epochs": ALONE_EPOCHS,
            "smallest_gain": tried.top1[0] - base.top1[0],
            "biggest_gain": tried.top1[1] - base.top1[1],
            "cpu_ratio": tried.cpu_s / base.cpu_s,
        }));
    }
    Ok(rows)
}

/// Packs the first seed's supernet, compares this device with the trainer, and writes the report.
fn add_bundle(experiment: &Experiment, document: &mut Value) -> Result<()> {
    let path = |name: &str| experiment.folder.join(name).to_string_lossy().into_owned();
    let (bundle, report) = (path("pictures.nestling"), path("report.html"));
    step("search: the coarse grid");
    let mut search = experiment.on_run("search", Training::Supernet, 1);
    search.args(["--calibration", "512", "--fine", "0", "--random", "0", "--random-held-out", "0"]);
    json(search)?;
    step("pack the bundle");
    let mut pack = experiment.on_run("pack", Training::Supernet, 1);
    pack.args(["--output", &bundle, "--replace"]);
    json(pack)?;
    step("compare this device with the trainer");
    let tested = json(experiment.programs.device(&["self-test", &bundle]))?;
    let mut parity = experiment.programs.trainer(&["parity", &bundle, "--children", "2", "--images", "64"]);
    parity.args(experiment.data(1));
    let parity = json(parity)?;
    document["device_agreement"] = parity["top1_agreement"].clone();
    (document["parity"], document["self_test"]) = (parity, tested);
    step("report");
    let scanned = json(experiment.programs.trainer(&["scan", &experiment.pictures.to_string_lossy()]))?;
    let classes = list(&scanned["classes"]);
    let count = |class: &Value| ["training", "held_out", "test"].map(|part| number(&class[part])).iter().sum::<f64>();
    document["images"] = json!(classes.iter().map(count).sum::<f64>() as u64);
    document["classes"] = json!(classes.len());
    let mut made = experiment.on_run("report", Training::Supernet, 1);
    process::run(made.args(["--output", &report, "--replace"]))
}
