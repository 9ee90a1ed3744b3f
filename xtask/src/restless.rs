//! `cargo xtask restless`: predictions, intervals and choices on a device that another program keeps busy.
//!
//! A program that computes for a part of every 20 ms shares the core of a software device. `nestling-device budgets` then
//! profiles, predicts, chooses and times again beside it.

use crate::latency::{Device, devices};
use crate::programs::{Programs, json, write_json, write_text};
use crate::{process, setup, workspace};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// Flags of `cargo xtask restless`.
#[derive(clap::Args)]
pub struct Options {
    /// Percent of the time that the other program computes, separated by commas
    #[arg(long, value_delimiter = ',', default_values_t = [0, 25, 50, 100], value_parser = clap::value_parser!(u32).range(0..=100))]
    duty: Vec<u32>,
    /// Budgets at p95 for each
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..))]
    budgets: u32,
    /// `nestling-device` of an older version, measured in the same way
    #[arg(long, value_name = "PROGRAM")]
    before: Option<PathBuf>,
    /// Report missed marks without failing
    #[arg(long)]
    report_only: bool,
}

/// Flags of the program that keeps a core busy.
#[derive(clap::Args)]
pub struct BusyOptions {
    /// Percent of each 20 ms
    duty: u32,
}

/// The other program begins to compute once in this time.
const PERIOD: Duration = Duration::from_millis(20);

/// One measurement takes some minutes.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Figures of `nestling-device budgets`, with their names in the summary and the marks for 0, 25, 50 and 100 %. That of p95
/// is never below one and a half times what two halves of the truth differ by.
const MARKS: [(&str, &str, [f64; 4]); 8] = [
    ("mape_p50", "/foreseen/mape_p50", [3.0, 6.0, 8.0, 10.0]),
    ("bias", "/foreseen/bias", [2.0, 4.0, 5.0, 5.0]),
    ("mape_p95", "/foreseen/mape_p95", [5.0, 10.0, 12.0, 15.0]),
    ("coverage", "/foreseen/coverage", [85.0, 85.0, 85.0, 82.0]),
    ("kept_percent", "/kept_percent", [97.0, 95.0, 95.0, 93.0]),
    ("mean_regret", "/mean_regret_points", [0.2, 0.3, 0.3, 0.4]),
    ("worst_regret", "/worst_regret_points", [1.3, 1.5, 1.5, 2.0]),
    (ORACLES_CHILD, "/oracles_child_percent", [80.0, 70.0, 65.0, 60.0]),
];

/// Choices of the very child that an oracle takes, in percent of all.
const ORACLES_CHILD: &str = "oracles_child_percent";

/// Figures that must not be below their marks; all others must not be above.
const AT_LEAST: [&str; 3] = ["coverage", "kept_percent", ORACLES_CHILD];

/// Intervals of 90 % that hold more than this share of the true times, in percent, are too wide to be of use.
const MOST_COVERAGE: f64 = 97.0;

/// Measures, writes `target/restless/summary.json` and `table.md`, and fails if a mark is missed.
pub fn run(options: &Options) -> Result<()> {
    setup::ensure()?;
    let programs = Programs::build()?;
    let folder = workspace::target().join("restless");
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let devices = devices::find(&programs)?;
    let device = devices.iter().find(|device| device.is_held()).context(
        "no software device can be held on one core; `cargo xtask setup` installs one, and `taskset` is of util-linux",
    )?;
    let mut summary = json!({ "device": device.label, "before": [], "after": [] });
    for &duty in &options.duty {
        for (side, program) in [("before", options.before.as_ref()), ("after", None)] {
            if side == "before" && program.is_none() {
                continue;
            }
            println!("\n== {side}: another program computes {duty} % of the time");
            let _busy = Busy::start(duty, device)?;
            let figures = measured(&programs, device, program, options.budgets)?;
            let row = row(duty, &figures);
            println!("{row}");
            summary[side].as_array_mut().context("a list")?.push(row);
        }
    }
    write_json(&folder.join("summary.json"), &summary)?;
    let table = table(&summary);
    write_text(&folder.join("table.md"), &table)?;
    println!("\n{table}\nwritten to {}", folder.join("summary.json").display());
    let missed: Vec<String> = rows(&summary, "after").iter().flat_map(missed).collect();
    if missed.is_empty() || options.report_only {
        missed.iter().for_each(|one| println!("missed: {one}"));
        return Ok(());
    }
    bail!("{} marks are missed:\n  {}", missed.len(), missed.join("\n  "))
}

/// `nestling-device budgets` on the device, of this or another version.
fn measured(programs: &Programs, device: &Device, program: Option<&PathBuf>, budgets: u32) -> Result<Value> {
    let bundle = workspace::root().join("examples/assets/fashion.nestling").to_string_lossy().into_owned();
    let (count, seconds) = (budgets.to_string(), "10");
    let arguments = ["budgets", &bundle, "--quantile", "p95", "--budgets", &count, "--seconds", seconds];
    let command = device.command(programs, &arguments);
    json(match program {
        None => command,
        Some(program) => with_program(&command, &programs.device(&[]), program),
    })
}

/// The same command with another program in the place of one of its words.
fn with_program(command: &Command, own: &Command, program: &Path) -> Command {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let mut words = words.map(|word| if word == own.get_program() { program.as_os_str() } else { word });
    let mut other = Command::new(words.next().unwrap_or_default());
    other.args(words);
    for (name, value) in command.get_envs() {
        other.env(name, value.unwrap_or_default());
    }
    other
}

/// The other program, until it is dropped.
struct Busy(Option<Child>);

impl Busy {
    fn start(duty: u32, device: &Device) -> Result<Self> {
        if duty == 0 {
            return Ok(Self(None));
        }
        let own = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(own);
        command.args(["busy", &duty.to_string()]);
        let mut command = device.beside(&command);
        let child = command.spawn().with_context(|| format!("could not start `{}`", process::display(&command)))?;
        Ok(Self(Some(child)))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            // It may have ended with this command already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Computes for a part of every period, until it is killed.
pub fn keep_busy(options: &BusyOptions) -> Result<()> {
    ensure!(options.duty <= 100, "give percent of the time, at most 100");
    let busy = PERIOD * options.duty / 100;
    let begun = Instant::now();
    // A program that was killed cannot end this one.
    while begun.elapsed() < LONGEST {
        let started = Instant::now();
        while started.elapsed() < busy {
            std::hint::spin_loop();
        }
        std::thread::sleep(PERIOD.saturating_sub(started.elapsed()));
    }
    Ok(())
}

/// The figures of one duty under their names.
fn row(duty: u32, figures: &Value) -> Value {
    let mut row = json!({ "duty": duty, "share": figures.pointer("/foreseen/load/share"),
        "floor_p95": figures.pointer("/foreseen/floor_p95"), "refused": figures["refused"],
        "oracle_kept_percent": figures["oracle_kept_percent"], "budgets": figures["budgets"] });
    for (name, place, _) in MARKS {
        row[name] = figures.pointer(place).cloned().unwrap_or_default();
    }
    row[ORACLES_CHILD] = oracles_child(figures).into();
    row
}

/// Counted here, because an older version does not.
fn oracles_child(figures: &Value) -> Option<f64> {
    let choices = figures["choices"].as_array().filter(|choices| !choices.is_empty())?;
    let oracles = choices.iter().filter(|one| one["chosen"] == one["oracle"]).count();
    Some(100.0 * oracles as f64 / choices.len() as f64)
}

fn rows<'a>(summary: &'a Value, side: &str) -> &'a [Value] {
    summary[side].as_array().map_or(&[], Vec::as_slice)
}

/// The mark of a figure, by the next higher duty that has one.
fn mark(name: &str, row: &Value) -> Option<f64> {
    let duty = row["duty"].as_f64()?;
    let at = [0.0, 25.0, 50.0, 100.0].iter().position(|&one: &f64| duty <= one)?;
    let mark = MARKS.iter().find(|one| one.0 == name)?.2[at];
    let floor = if name == "mape_p95" { row["floor_p95"].as_f64().unwrap_or_default() } else { 0.0 };
    Some(mark.max(1.5 * floor))
}

/// The figures of a row that miss their marks, in words.
fn missed(row: &Value) -> Vec<String> {
    let missed = |(name, ..): &(&str, &str, [f64; 4])| {
        let mark = mark(name, row)?;
        let value = row[*name].as_f64();
        let is_met = value.is_some_and(|value| match *name {
            "coverage" => (mark..=MOST_COVERAGE).contains(&value),
            name if AT_LEAST.contains(&name) => value >= mark,
            _ => value.abs() <= mark,
        });
        let value = value.map_or_else(|| "no figure".to_owned(), |value| format!("{value:.2}"));
        let most = if *name == "coverage" { format!(" to {MOST_COVERAGE:.2}") } else { String::new() };
        (!is_met).then(|| format!("{name} at {} %: {value}, the mark is {mark:.2}{most}", row["duty"]))
    };
    MARKS.iter().filter_map(missed).collect()
}

/// All rows as Markdown, the marks behind the figures.
fn table(summary: &Value) -> String {
    let mut text =
        "| busy | version | p50 off, % | bias, % | p95 off, % | in the interval, % | kept, % | regret, points | \
                    worst | oracle's child, % | kept by the oracle, % | time that was ours, % |\n|"
            .to_owned();
    text.push_str(&" --- |".repeat(12));
    text.push('\n');
    for side in ["before", "after"] {
        for row in rows(summary, side) {
            let cell = |name: &str| {
                let value = row[name].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"));
                let mark = mark(name, row).filter(|_| side == "after").map(|mark| format!(" ({mark:.2})"));
                value + &mark.unwrap_or_default()
            };
            let cells = MARKS.map(|one| cell(one.0)).join(" | ");
            let share = row["share"].as_f64().map_or_else(|| "-".to_owned(), |share| format!("{:.0}", 100.0 * share));
            let oracle = cell("oracle_kept_percent");
            let _ = writeln!(text, "| {} % | {side} | {cells} | {oracle} | {share} |", row["duty"]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(mape: f64, kept: f64) -> Value {
        json!({ "budgets": 60, "refused": 0, "kept_percent": kept, "mean_regret_points": 0.1, "worst_regret_points": 1.0,
            "choices": [{ "chosen": "a", "oracle": "a" }], "foreseen": { "mape_p50": mape, "bias": -1.0, "mape_p95": 5.0, "coverage": 90.0, "floor_p95": 2.0,
                "load": { "share": 0.8 } } })
    }

    #[test]
    fn a_missed_mark_is_named_and_a_missing_figure_is_missed() {
        assert!(missed(&row(50, &figures(7.0, 96.0))).is_empty());
        assert_eq!(missed(&row(50, &figures(9.0, 96.0))), ["mape_p50 at 50 %: 9.00, the mark is 8.00"]);
        assert_eq!(missed(&row(100, &figures(9.0, 90.0))), ["kept_percent at 100 %: 90.00, the mark is 93.00"]);
        assert_eq!(missed(&row(25, &json!({}))).len(), MARKS.len());
        let mut wide = figures(1.0, 99.0);
        wide["foreseen"]["coverage"] = json!(100.0);
        assert_eq!(missed(&row(0, &wide)), ["coverage at 0 %: 100.00, the mark is 85.00 to 97.00"]);
    }

    #[test]
    fn the_table_has_a_row_for_each_side_and_duty() {
        let summary = json!({ "before": [row(0, &figures(1.0, 99.0))], "after": [row(0, &figures(1.0, 99.0)), row(25, &json!({}))] });
        let table = table(&summary);
        assert_eq!(table.lines().count(), 5, "{table}");
        assert!(
            table.contains("| 0 % | after | 1.00 (3.00) | -1.00 (2.00) |")
                && table.contains("| 25 % | after | - (6.00)")
        );
    }
}
