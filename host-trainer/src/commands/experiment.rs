//! `experiment`: repeats the paper's experiments.

use super::data::DataArguments;
use super::train::config_over;
use super::trained_run::processors;
use super::{bar, print, say};
use anyhow::{Context, Result, bail};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use indicatif::ProgressBar;
use nestling_stopwatch::Stopwatch;
use nestling_train::experiments::{
    Experiment, ExperimentError, Neighbour, Outcome, Plan, Record, Results, SelectionEntry, Setting, Statistics,
    Training, Trainings, Watch, check, four_children, markdown, neighbours, neighbours_markdown, outcome, selection,
    selection_markdown, write_report,
};
use nestling_train::torch;
use nestling_train::train::{CODE_VERSION, EpochReport};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Repeats an experiment of the paper over several seeds, or gathers all results on one page.
///
/// Every training is kept in the folder. A stopped experiment goes on where it was, and experiments share what they have
/// in common. The results are results.json, a CSV file and a Markdown table for each experiment, one page with all tables and
/// figures, and the records of all trainings.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  nestling experiment from-scratch\n  nestling experiment convergence --seeds 5 --cpu-hours \
                  2\n  nestling experiment report"
)]
pub struct ExperimentCommand {
    /// The experiment
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    name: String,
    /// Seeds, each with its own training images
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    seeds: u32,
    /// Training images of a seed
    #[arg(long, default_value_t = 6000, value_parser = clap::value_parser!(u32).range(64..))]
    images: u32,
    /// Passes over them
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..))]
    epochs: u32,
    /// TOML file of hyper-parameters, in the place of those of the supernet's recipe; `epochs` and `seed` have flags
    #[arg(long)]
    config: Option<PathBuf>,
    /// Only these children, separated by commas: S, M, L, XL; with `finetune` also `smallest` and `biggest` [default: all]
    #[arg(long, value_delimiter = ',', value_parser = ["S", "M", "L", "XL", "smallest", "biggest"])]
    children: Vec<String>,
    /// Only these variants, separated by commas: the columns of the experiment's table [default: all]
    #[arg(long, value_delimiter = ',')]
    variants: Vec<String>,
    /// Begin no epoch and no search after so many CPU-hours, and show what is finished; a later call goes on
    #[arg(long)]
    cpu_hours: Option<f64>,
    /// Folder of trainings
    #[arg(long, default_value = "target/experiments")]
    folder: PathBuf,
    /// Folder of results; those of several calls stand side by side in it [default: `results` in the folder of trainings]
    #[arg(long)]
    results: Option<PathBuf>,
    #[command(flatten)]
    data: DataArguments,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

/// The names beside those of the paper's experiments, with the questions that they answer.
const OTHERS: [(&str, &str); 4] = [
    (SELECTION, SELECTION_QUESTION),
    (NEIGHBOURS, NEIGHBOURS_QUESTION),
    (ALL, "Runs all of them"),
    (REPORT, "Shows what is there, and trains nothing"),
];
const SELECTION_QUESTION: &str = "Does coarse-to-fine selection find better children than random search or evolution?";
const NEIGHBOURS_QUESTION: &str = "How does BigNAS compare with slimmable networks, AutoSlim and once-for-all?";
const SELECTION: &str = "selection";
const NEIGHBOURS: &str = "neighbours";
const ALL: &str = "all";
const REPORT: &str = "report";

fn names() -> Vec<PossibleValue> {
    let own = Experiment::ALL.map(|one| (one.name(), one.question()));
    own.into_iter().chain(OTHERS).map(|(name, question)| PossibleValue::new(name).help(question)).collect()
}

impl ExperimentCommand {
    /// Runs the command.
    pub fn run(self) -> Result<()> {
        let stopwatch = Stopwatch::start();
        let folder = self.results.clone().unwrap_or_else(|| self.folder.join("results"));
        if self.name == REPORT {
            let results = check(&folder)?;
            if results.is_empty() {
                bail!("there are no results in {}: run an experiment first, or name its folder", folder.display());
            }
            return self.show(&folder, &results, None);
        }
        let mut results = Results::read(&folder)?;
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make folder {}", folder.display()))?;
        let device = torch::initialise().device;
        let base = self.setting()?;
        self.check_variants(&base)?;
        let data = self.data.load_for(&base.recipe.space)?;
        let trainings = Trainings {
            folder: self.folder.join("trainings"),
            data: &data,
            device,
            workers: if device.is_cuda() { 1 } else { processors() },
            allowed_cpu_s: self.cpu_hours.map(|hours| hours * 3600.0),
            origin: (version(), command()),
            stopwatch,
        };
        // The end of the time that was allowed is no fault, and all that is finished is shown.
        let stopped = match self.run_asked(&base, &trainings, &mut results, &folder) {
            Ok(()) => None,
            Err(error) => match error.downcast_ref() {
                Some(ExperimentError::OutOfTime { .. }) => Some(error.to_string()),
                _ => return Err(error),
            },
        };
        self.show(&folder, &results, stopped.as_deref())
    }

    /// Writes tables and page of all results, and prints those that are asked for.
    fn show(&self, folder: &Path, results: &Results, stopped: Option<&str>) -> Result<()> {
        let sections = write_report(folder, results)?;
        let own = self.experiments();
        let outcomes: Vec<&Outcome> =
            sections.iter().map(|one| &one.outcome).filter(|one| own.contains(&one.experiment)).collect();
        let has = |name: &str| [name, ALL, REPORT].contains(&&*self.name);
        let neighbours = if has(NEIGHBOURS) { &results.neighbours[..] } else { &[] };
        let selection = if has(SELECTION) { &results.selection[..] } else { &[] };
        print(self.json, &document(&outcomes, neighbours, selection, stopped), || {
            let mut text = String::new();
            for one in &outcomes {
                let _ = writeln!(text, "{}\n{}", one.experiment.question(), markdown(one));
            }
            if !neighbours.is_empty() {
                let _ = writeln!(text, "{NEIGHBOURS_QUESTION}\n{}", neighbours_markdown(neighbours));
            }
            if !selection.is_empty() {
                let _ = writeln!(text, "{SELECTION_QUESTION}\n{}", selection_markdown(selection));
            }
            let note = stopped.map(|note| format!("\nstopped: {note}")).unwrap_or_default();
            format!("{text}page  {}{note}", folder.join("experiments.html").display())
        })
    }

    /// Refuses unknown variants before anything is trained.
    fn check_variants(&self, base: &Setting) -> Result<()> {
        for experiment in self.experiments() {
            let mut plan = Plan::new(base.clone())?;
            plan.variants.clone_from(&self.variants);
            experiment.check_variants(&plan)?;
        }
        Ok(())
    }

    /// The paper's experiments that are asked for.
    fn experiments(&self) -> Vec<Experiment> {
        let is_asked = |one: &Experiment| [one.name(), ALL, REPORT].contains(&&*self.name);
        Experiment::ALL.into_iter().filter(is_asked).collect()
    }

    /// Runs the experiments and comparisons that are asked for, and keeps the results of each as soon as it is finished.
    fn run_asked(&self, base: &Setting, trainings: &Trainings<'_>, results: &mut Results, folder: &Path) -> Result<()> {
        for experiment in self.experiments() {
            for setting in experiment.settings(base) {
                let plan = self.plan(experiment, setting, trainings)?;
                let outcome = outcome(experiment, &plan, self.seeds, trainings, &mut View::default())?;
                results.take(folder, &outcome, &self.to_repeat(&outcome))?;
                results.write(folder)?;
            }
        }
        // Those that are no tables of the paper: methods and searches.
        let plan = Plan::new(base.clone())?;
        if [SELECTION, ALL].contains(&&*self.name) {
            let (records, supernets) = selection(&plan, self.seeds, trainings, &mut View::default())?;
            results.take_selections(folder, (&records, &supernets), &self.to_repeat_comparison(SELECTION))?;
            results.write(folder)?;
        }
        if [NEIGHBOURS, ALL].contains(&&*self.name) {
            let (rows, records) = neighbours(&plan, self.seeds, trainings, &mut View::default())?;
            results.take_neighbours(folder, rows, &records, &self.to_repeat_comparison(NEIGHBOURS))?;
            results.write(folder)?;
        }
        Ok(())
    }

    /// Images, epochs and recipe.
    fn setting(&self) -> Result<Setting> {
        let mut base = Setting::fashion(self.images, self.epochs);
        if let Some(path) = &self.config {
            base.recipe = config_over(&base.recipe, path)?;
        }
        Ok(base)
    }

    /// The plan of a setting, with the children that are asked for where the experiment has such.
    fn plan(
        &self,
        experiment: Experiment,
        setting: Setting,
        trainings: &Trainings<'_>,
    ) -> Result<Plan, ExperimentError> {
        let mut plan = Plan::new(setting)?;
        plan.variants.clone_from(&self.variants);
        if experiment.needs_four_children() {
            plan.children = four_children(&plan, trainings, &mut View::default())?;
            if experiment.needs_ends_too() {
                plan.children.extend(plan.ends());
            }
            plan.children.retain(|child| self.children.is_empty() || self.children.contains(&child.name));
        }
        Ok(plan)
    }

    /// The command that gives a comparison of methods or searches again.
    fn to_repeat_comparison(&self, name: &str) -> String {
        let Self { seeds, images, epochs, .. } = self;
        let command = format!("nestling experiment {name} --seeds {seeds} --images {images} --epochs {epochs}");
        command + &self.input_flags()
    }

    /// The flags of the files that an experiment reads.
    fn input_flags(&self) -> String {
        let config = self.config.as_ref().map(|path| format!(" --config {}", path.display()));
        config.unwrap_or_default() + &self.data.to_repeat()
    }

    /// The command that gives an outcome again.
    fn to_repeat(&self, outcome: &Outcome) -> String {
        let Outcome { experiment, seeds, records, .. } = outcome;
        let mut command = format!("nestling experiment {experiment} --seeds {seeds}");
        if let Some(record) = records.first().filter(|_| *experiment != Experiment::Map) {
            let _ = write!(command, " --images {} --epochs {}", record.images, record.epochs);
        }
        if !self.children.is_empty() && experiment.needs_four_children() {
            let _ = write!(command, " --children {}", self.children.join(","));
        }
        if !self.variants.is_empty() {
            let _ = write!(command, " --variants \"{}\"", self.variants.join(","));
        }
        command + &self.input_flags()
    }
}

/// The command of this process, for the records: without the places of its folders, which change no result.
fn command() -> String {
    let mut words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--json").collect();
    for flag in ["--folder", "--results"] {
        words.retain(|word| !word.starts_with(&format!("{flag}=")));
        if let Some(place) = words.iter().position(|word| word == flag) {
            words.drain(place..(place + 2).min(words.len()));
        }
    }
    format!("nestling {}", words.join(" "))
}

/// The commit that the program was built from; a debug build has its version alone.
fn version() -> String {
    match CODE_VERSION.rsplit_once("commit ") {
        Some((_, commit)) if commit != "unknown" => commit.chars().take(10).collect(),
        _ => format!("version {}", env!("CARGO_PKG_VERSION")),
    }
}

fn document(
    outcomes: &[&Outcome],
    neighbours: &[Neighbour],
    selection: &[SelectionEntry],
    stopped: Option<&str>,
) -> serde_json::Value {
    let experiments = outcomes.iter().map(|one| {
        let rows = one.cells.iter().map(|cell| {
            let Statistics { mean, spread } = cell.statistics();
            json!({
                "child": cell.child, "madds": cell.madds, "variant": cell.variant,
                "top1_mean": mean, "top1_spread": spread, "top1": cell.top1,
            })
        });
        json!({
            "name": one.experiment.name(), "cpu_hours": one.cpu_hours(), "rows": rows.collect::<Vec<_>>(),
        })
    });
    let experiments = experiments.collect::<Vec<_>>();
    json!({ "experiments": experiments, "neighbours": neighbours, "selection": selection, "stopped": stopped })
}

/// A bar for each epoch, and a line for each training.
#[derive(Default)]
struct View {
    bar: Option<ProgressBar>,
}

impl View {
    fn clear(&mut self) {
        self.bar.take().iter().for_each(ProgressBar::finish_and_clear);
    }
}

impl Watch for View {
    fn training(&mut self, training: &Training) {
        self.clear();
        say(&format!("training {}", training.key()));
    }

    fn step(&mut self, step: u64, of: u64) {
        self.bar.get_or_insert_with(|| bar(of, "epoch")).set_position(step);
    }

    fn evaluating(&mut self, children: usize) {
        self.clear();
        say(&format!("evaluating {children} children"));
    }

    fn epoch(&mut self, report: &EpochReport, of: u32) {
        self.clear();
        let probes = report.probes.iter().map(|probe| format!("{} {:.1} %", probe.name, probe.held_out.percent()));
        let probes = probes.collect::<Vec<_>>().join(", ");
        if report.epoch == of || report.epoch.is_multiple_of(5) {
            say(&format!("epoch {} of {of}: {probes}; {:.0} CPU-seconds", report.epoch, report.cpu_s));
        }
    }

    fn measured(&mut self, record: &Record) {
        self.clear();
        let tested = record.tested.iter().map(|one| format!("{}: {:.2} %", one.madds, one.top1.percent()));
        say(&format!("{}: {}", record.name, tested.collect::<Vec<_>>().join(", ")));
    }
}
