//! `slim`: slims a trained network greedily to a budget (AutoSlim).

use super::search_quantities::parse_madds;
use super::trained_run::{RunArguments, TrainedRun, processors};
use super::{print, say, shown};
use anyhow::{Context, Result};
use clap::Args;
use nestling_bundle::atomic_file::{check_outputs, write_atomically};
use nestling_core::metrics::MAdds;
use nestling_core::space::Child;
use nestling_train::calibrate::CalibrateError;
use nestling_train::run_folder::RunFolder;
use nestling_train::train::auto_slim::{Slimmed, slim};
use nestling_train::transfer::single;
use serde_json::json;
use std::fmt::Write;
use std::path::PathBuf;

/// Slims the biggest child of a run until it is within a budget (AutoSlim): in each step the place becomes narrower that
/// costs least accuracy on held-out images.
///
/// Train the network first with `nestling train --method auto_slim`. Then train the slimmed network from scratch, alone:
/// `nestling train --space slimmed.toml`.
#[derive(Args, Debug)]
pub struct Slim {
    #[command(flatten)]
    run: RunArguments,
    /// Most multiply-adds: in millions, or with a suffix (2.5M, 800k, 1G)
    #[arg(long, value_name = "MADDS", value_parser = parse_madds)]
    budget_madds: MAdds,
    /// File to write the space of the slimmed network to [default: slimmed.toml in the run's folder]
    #[arg(long)]
    output: Option<PathBuf>,
    /// Training images that calibrate each network
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..))]
    calibration: u32,
}

impl Slim {
    /// Runs the command.
    pub fn run(mut self) -> Result<()> {
        self.run.resolve()?;
        let folder = RunFolder::open(&self.run.run);
        let _lock = folder.lock_to_read("nestling slim")?;
        let output = self.output.clone().unwrap_or_else(|| self.run.run.join("slimmed.toml"));
        let inputs = [folder.files(), self.run.data.inputs()].concat();
        let run = TrainedRun::load(&self.run, &folder, self.calibration)?;
        check_outputs([&*output], folder.beside(&inputs))?;
        let evaluator = run.evaluator(run.checkpoint.shipped_weights(), &run.held_out, processors());
        let evaluate = |children: &[Child]| -> Result<Vec<f64>, CalibrateError> {
            let evaluated = evaluator.evaluate(children, &|_| ())?;
            Ok(evaluated.into_iter().map(|one| one.held_out.percent()).collect())
        };
        let steps = slim(&run.space, self.budget_madds, evaluate, |step| say(&line(step)))?;
        let child = steps.last().map_or_else(|| run.space.biggest(), |step| step.child.clone());
        let slimmed = single(&run.space, &child)?;
        let madds = slimmed.lower(&child)?.cost().madds;
        let text = toml::to_string(slimmed.definition()).context("cannot write the space")?;
        write_atomically(&output, |file| file.write_all(text.as_bytes()))?;
        let rows: Vec<_> = steps.iter().map(row).collect();
        let value = json!({"child": child.to_string(), "madds": madds, "space": shown(&output), "steps": rows});
        print(self.run.json, &value, || {
            let mut text = format!("{child}\n{madds} multiply-adds after {} steps", steps.len());
            let _ = write!(text, "; next: nestling train --space {} --run NEW", output.display());
            text
        })
    }
}

fn line(step: &Slimmed) -> String {
    format!("{} narrower: {} multiply-adds, {:.2} % of the held-out images", step.place, step.madds, step.accuracy)
}

fn row(step: &Slimmed) -> serde_json::Value {
    json!({
        "place": step.place.to_string(),
        "child": step.child.to_string(),
        "madds": step.madds,
        "held_out_top1": step.accuracy,
    })
}
