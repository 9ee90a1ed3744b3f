//! `cargo xtask latency`: how well latency is predicted, budgets are kept and the whole space is used, on every device of
//! this machine.
//!
//! It only chains the programs' own commands; each can be run alone. Figures come from them, none from here.

mod devices;
mod table;
mod targets;

use crate::programs::{Programs, json, write_json};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, ensure};
use devices::Device;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Flags of `cargo xtask latency`.
#[derive(clap::Args)]
pub struct Options {
    /// A trained bundle to choose from [default: examples/assets/fashion.nestling]
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
    /// Leave out spaces of ImageNet's size: 6 minutes instead of 17
    #[arg(long)]
    quick: bool,
}

/// A space and how it is measured.
struct Subject {
    space: &'static str,
    bundle: String,
    /// Seconds of a profile: the default where thirty children fit into it.
    seconds: &'static str,
    /// Rounds over the held-out children.
    rounds: &'static str,
}

/// Random children that are predicted.
const HELD_OUT: &str = "100";
const BUDGETS: &str = "200";
const WHOLE_SPACE_BUDGETS: &str = "20";
const SWITCHES: &str = "1000";

/// Measures, and writes `target/latency/summary.json` and `target/latency/table.md`.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure()?;
    let programs = Programs::build()?;
    let folder = workspace::target().join("latency");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let asset = workspace::root().join("examples/assets/fashion.nestling");
    let trained = text(options.bundle.as_ref().unwrap_or(&asset));
    let mut subjects = vec![Subject { space: "demo", bundle: trained.clone(), seconds: "10", rounds: "10" }];
    if !options.quick {
        let bundle = text(&folder.join("table1.nestling"));
        json(programs.trainer(&["init", "--space", "table1", "--output", &bundle]))?;
        // A child takes up to four seconds in software: in ten seconds not all informative ones would be timed.
        subjects.push(Subject { space: "table1", bundle, seconds: "30", rounds: "2" });
    }
    let devices = devices::find(&programs)?;
    ensure!(!devices.is_empty(), "no Vulkan adapter; `cargo xtask setup` installs a software one");
    let started = std::time::Instant::now();
    let load_at_start = load();

    let mut prediction: Vec<Value> = Vec::new();
    let mut fleet = Value::Null;
    for subject in &subjects {
        let mut profiles: Vec<String> = Vec::new();
        for device in &devices {
            println!("\n== profile of {} in {} s, {}", subject.space, subject.seconds, device.label);
            let profile =
                text(&folder.join(format!("{}-{}s-{}.json", subject.space, subject.seconds, device.file_name())));
            let report = text(&Path::new(&profile).with_extension("html"));
            // Measured anew each time, and the default tiles: the devices must not differ by luck.
            let arguments =
                ["profile", &subject.bundle, "--tune", "0", "--seconds", subject.seconds, "--out", &profile];
            let mut command = device.command(&programs, &arguments);
            command.args(["--untrained", "--html", &report]);
            json(command)?;
            profiles.push(profile);
        }
        if subject.space == "demo" {
            fleet = compare(&programs, &folder, &trained, &profiles)?;
        }
        for (index, device) in devices.iter().enumerate() {
            println!("\n== prediction of {} from {} s, {}", subject.space, subject.seconds, device.label);
            let arguments = ["predict", &subject.bundle, "--children", HELD_OUT, "--rounds", subject.rounds];
            let mut command = device.command(&programs, &arguments);
            command.args(["--untrained", "--profile", &profiles[index]]);
            for (other, profile) in profiles.iter().enumerate().filter(|(other, _)| *other != index) {
                // A driver with and without subgroups is one device: its table says too much.
                if devices[other].driver != device.driver {
                    command.args(["--other", profile]);
                }
            }
            let predicted = json(command)?;
            write_json(&Path::new(&profiles[index]).with_extension("prediction.json"), &predicted)?;
            prediction.push(row(subject, device, &predicted));
        }
    }

    println!("\n== {BUDGETS} budgets, and {WHOLE_SPACE_BUDGETS} for the whole space");
    let images = setup::dataset_file("t10k-images-idx3-ubyte")?;
    let labels = setup::dataset_file("t10k-labels-idx1-ubyte")?;
    let profile = text(&folder.join(format!("demo-10s-{}.json", devices[0].file_name())));
    let arguments = ["budgets", &trained, "--profile", &profile, "--quantile", "p95", "--budgets", BUDGETS];
    let mut command = devices[0].command(&programs, &arguments);
    command.args(["--whole-space", WHOLE_SPACE_BUDGETS, "--images", &images, "--labels", &labels]);
    let budgets = json(command)?;
    write_json(&folder.join("budgets.json"), &budgets)?;

    println!("\n== governor on a thousand simulated devices");
    let governor = governor()?;
    println!("\n== {SWITCHES} switches");
    let switch = json(devices[0].command(&programs, &["switch", &trained, "--switches", SWITCHES]))?;

    let mut summary = json!({
        "prediction": prediction,
        "fleet": fleet,
        "choices": {
            "adapter": devices[0].label,
            "budgets": budgets["budgets"],
            "refused": budgets["refused"],
            "kept_percent": budgets["kept_percent"],
            "kept_at_pace_percent": budgets["kept_at_pace_percent"],
            "mean_regret_points": budgets["mean_regret_points"],
            "worst_regret_points": budgets["worst_regret_points"],
        },
        "whole_space": budgets["whole_space_summary"],
        "governor": governor,
        "switch": {
            "p99_us": switch["switch_us_p99"],
            "weight_bytes": switch["weight_bytes"],
            "outputs_equal_fresh_load": switch["outputs_equal_fresh_load"],
            "switches": switch["switches"],
        },
        "machine": machine(load_at_start),
        "wall_s": started.elapsed().as_secs_f64(),
    });
    let targets = targets::of(&summary);
    // A measurement succeeds whatever it finds.
    let verdict = targets::verdict(&targets);
    summary["targets"] = targets.into();
    write_json(&folder.join("summary.json"), &summary)?;
    let written = table::markdown(&summary);
    std::fs::write(folder.join("table.md"), &written).context("cannot write the table")?;
    println!("\n{written}\nwritten to {}\n\n{verdict}", folder.join("summary.json").display());
    Ok(())
}

fn row(subject: &Subject, device: &Device, predicted: &Value) -> Value {
    let held_out = predicted["children"].as_array().map_or(0, Vec::len);
    json!({
        "space": subject.space,
        "adapter": device.label,
        "device_type": device.device_type,
        "on_one_core": device.is_held(),
        "profile_seconds": subject.seconds.parse::<f64>().unwrap_or_default(),
        "measured_children": predicted["informative"],
        "children": held_out,
        "mape_percent": predicted["fit"]["mape_percent"],
        "within_10_percent": predicted["fit"]["within_10_percent"],
        "spearman": predicted["fit"]["spearman"],
        // What knows other devices' tables too, as the predictors do that scale one.
        "from_nearest": predicted["curve_from_nearest"].as_array().and_then(|curve| Some(curve.last()?[1].clone())),
        "repeatability": predicted["repeatability"],
        "pace": predicted["pace"],
        "baselines": predicted["baselines"],
        "curve": predicted["curve"],
        "curve_from_nearest": predicted["curve_from_nearest"],
    })
}

/// Puts the profiles into a copy of the bundle, and says where the devices rank children differently.
fn compare(programs: &Programs, folder: &Path, bundle: &str, profiles: &[String]) -> Result<Value> {
    let known = text(&folder.join("fleet.nestling"));
    let mut arguments = vec!["latency", "add", bundle];
    arguments.extend(profiles.iter().map(String::as_str));
    arguments.extend(["--output", &known]);
    json(programs.trainer(&arguments))?;
    let compared = json(programs.trainer(&["latency", "compare", &known]))?;
    write_json(&folder.join("fleet.json"), &compared)?;
    Ok(compared)
}

/// The last line of JSON that the simulation prints is of all traces.
fn governor() -> Result<Value> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "test",
        "--quiet",
        "-p",
        "nestling",
        "--all-features",
        "--lib",
        "governor::traces",
        "--",
        "--nocapture",
    ]);
    let mut total = Value::Null;
    process::run_watched(command.current_dir(workspace::root()), |line| {
        if let Ok(figures @ Value::Object(_)) = serde_json::from_str(line) {
            total = figures;
        }
    })?;
    ensure!(total["traces"].is_number(), "the governor's simulation printed no figures");
    Ok(json!({
        "traces": total["traces"],
        "max_switches_per_minute": total["most_switches_a_minute"],
        "max_switches_per_minute_with_settling": total["most_switches_a_minute_with_settling"],
        "kept_percent": total["windows_kept_percent"],
        "traces_below_95_percent": total["traces_below_95_percent"],
    }))
}

fn load() -> Option<String> {
    Some(std::fs::read_to_string("/proc/loadavg").ok()?.trim().to_owned())
}

fn machine(load_at_start: Option<String>) -> Value {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?.to_owned();
        Some(line.split(':').nth(1)?.trim().to_owned())
    });
    json!({ "processor": model, "cores": cores, "load_at_start": load_at_start, "load_at_end": load() })
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
