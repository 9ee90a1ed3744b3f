//! `search`: evaluates children and chooses those that ship.

use super::progress::Progress;
use super::ranks::RankArguments;
use super::search_budgets::BudgetArguments;
use super::search_under_limit::{DeviceArguments, LimitArguments};
use super::trained_run::{RunArguments, TrainedRun, processors};
use super::{print, say};
use anyhow::{Result, bail};
use clap::Args;
use nestling_bundle::Trained;
use nestling_core::accuracy::AccuracyPredictor;
use nestling_core::space::Child;
use nestling_stopwatch::Stopwatch;
use nestling_train::ranks::Ranks;
use nestling_train::run_folder::RunFolder;
use nestling_train::search::{Chosen, Evaluated, SearchOptions, SearchReport, Searched, name_shipped, search};
use nestling_train::train::Method;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;

/// Evaluates a grid of children and random ones on validation images, and keeps the Pareto front.
///
/// Each child is calibrated first. A predictor of accuracy is fitted to all of them, and the front is evaluated on the
/// test images.
///
/// With `--budgets`, after a search without a budget, it selects the most accurate child for each of S, M, L and XL,
/// coarse to fine: the grid of that search, then finer grids around the best children under each budget. The children
/// become part of the run's search.json and ship as `s`, `m`, `l` and `xl` with the next `nestling pack`; those of
/// earlier budgets no longer ship.
///
/// With one budget it searches the whole space, for the most accurate children within a device's predicted latency,
/// within MAdds or within parameters. It needs the accuracy predictor of a search without a budget. The most promising
/// children are calibrated and evaluated, and become part of the run's search.json. The best ships as `found-1` with the
/// next `nestling pack`, if it is more accurate on validation images than the shipped children within that budget. Without
/// a trained run, but with a bundle, children are predicted only.
///
/// The next search without a budget starts again.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  nestling search\n  nestling search --budgets\n  nestling search --budgets 0.5M,1M,2M,3M\n  \
                  nestling search --budgets-ms 1,2,4 --device mali --bundle my.nestling\n  nestling search --device mali \
                  --budget-ms 4 --bundle my.nestling\n  nestling search --budget-madds 2.5M --top 16"
)]
pub struct Search {
    #[command(flatten)]
    run: RunArguments,
    /// Most children of the coarse grid, evenly over it [default: all, at most 160]
    #[arg(long, conflicts_with = "budget", value_parser = clap::value_parser!(u32).range(2..))]
    coarse: Option<u32>,
    /// Children evaluated around the front of the coarse grid; with budgets, around the best children under each
    #[arg(long, default_value_t = 24, conflicts_with = "limit")]
    fine: usize,
    /// Children drawn uniformly from the space; the accuracy predictor is fitted to them and to all others
    #[arg(long, default_value_t = 200, conflicts_with = "budget")]
    random: u32,
    /// More random children, kept from the predictor to tell its error; with 0 there is no predictor
    #[arg(long, default_value_t = 50, conflicts_with = "budget")]
    random_held_out: u32,
    /// Most children that ship
    #[arg(long, default_value_t = 10, conflicts_with = "budget")]
    children: usize,
    /// Training images that calibrate each child
    #[arg(long, default_value_t = 2000, conflicts_with = "budget", value_parser = clap::value_parser!(u32).range(1..))]
    calibration: u32,
    /// Threads [default: one for each processor]
    #[arg(long)]
    workers: Option<usize>,
    #[command(flatten)]
    ranks: RankArguments,
    #[command(flatten)]
    budgets: BudgetArguments,
    #[command(flatten)]
    limit: LimitArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

impl Search {
    /// Runs the command.
    pub fn run(mut self) -> Result<()> {
        self.run.resolve()?;
        let workers = self.workers.unwrap_or_else(processors);
        if self.budgets.are_given() {
            return self.budgets.run(&self.device, &self.run, self.fine, workers);
        }
        if let Some(request) = self.limit.request(&self.device) {
            return self.limit.run(request, &self.device, &self.run, workers);
        }
        self.ranks.run(|ranks| self.search(workers, ranks))
    }

    /// The search without a budget.
    fn search(&self, workers: usize, ranks: &Arc<Ranks>) -> Result<()> {
        let stopwatch = Stopwatch::start();
        let folder = RunFolder::open(&self.run.run);
        // The first process alone writes to the folder.
        let _lock = ranks.is_first().then(|| folder.lock("nestling search")).transpose()?;
        folder.check_search(&self.run.data.inputs())?;
        let mut run = TrainedRun::load(&self.run, &folder, self.calibration)?;
        run.ranks = ranks.clone();
        ranks.check_same("weights", run.weights_hash())?;
        if run.checkpoint.config.method == Method::Slimmable {
            bail!(
                "a slimmable run has nothing to search: its widths are trained as they are; \
                 `nestling pack --only smallest` packs one"
            );
        }
        let searched = self.evaluate_all(&run, workers)?;
        let space = &run.space;
        let predictor = searched.predictor(space);
        let Searched { evaluated, kept_from_predictor } = searched;
        let chosen = test_shipped(&run, name_shipped(space, &evaluated, self.children), &evaluated, workers)?;
        let elapsed = stopwatch.elapsed();
        let report = SearchReport {
            calibration_images: run.calibration.len() as u32,
            evaluated,
            kept_from_predictor,
            accuracy_predictor: predictor.inspect_err(|why| say(&format!("no accuracy predictor: {why}"))).ok(),
            chosen,
            cpu_s: elapsed.cpu_s(),
            wall_s: elapsed.wall_s(),
        };
        if ranks.is_first() {
            folder.save_search(&report)?;
        }
        print(self.run.json, &document(&report), || table(&report))
    }

    fn evaluate_all(&self, run: &TrainedRun, workers: usize) -> Result<Searched> {
        let progress = Progress::new(0, "search");
        let options = SearchOptions {
            coarse: self.coarse.map(|most| most as usize),
            fine: self.fine,
            random: self.random as usize,
            random_held_out: self.random_held_out as usize,
            seed: run.checkpoint.config.seed,
        };
        let evaluator = run.evaluator(run.checkpoint.shipped_weights(), &run.held_out, workers);
        Ok(match run.checkpoint.config.method.trained(&run.space) {
            Trained::WholeSpace => search(&run.space, &evaluator, options, &|done, total| progress.set(done, total))?,
            // There are no others to look at.
            Trained::Only(children) => Searched {
                evaluated: evaluator.evaluate(&children, &|done| progress.set(done, children.len()))?,
                kept_from_predictor: Vec::new(),
            },
        })
    }
}

/// The named children with their accuracy on the test images.
fn test_shipped(
    run: &TrainedRun,
    names: Vec<(String, usize)>,
    evaluated: &[Evaluated],
    workers: usize,
) -> Result<Vec<Chosen>> {
    let children: Vec<Child> = names.iter().map(|(_, index)| evaluated[*index].child.clone()).collect();
    let tested = test(run, run.checkpoint.shipped_weights(), &children, workers)?;
    Ok((names.into_iter().zip(tested))
        .map(|((name, index), tested)| Chosen { name, index, test: tested.held_out })
        .collect())
}

/// Evaluates children on the test images, with a bar.
pub(super) fn test(run: &TrainedRun, weights: &[f32], children: &[Child], workers: usize) -> Result<Vec<Evaluated>> {
    let progress = Progress::new(children.len(), "test");
    let evaluator = run.evaluator(weights, &run.data.test, workers);
    Ok(evaluator.evaluate(children, &|done| progress.set(done, children.len()))?)
}

fn document(report: &SearchReport) -> Value {
    let row = |(chosen, evaluated): (&Chosen, &Evaluated)| {
        json!({
            "name": chosen.name,
            "child": evaluated.child.to_string(),
            "params": evaluated.cost.params,
            "madds": evaluated.cost.madds,
            "held_out_top1": evaluated.held_out.percent(),
            "test_top1": chosen.test.percent(),
        })
    };
    json!({
        "evaluated": report.evaluated.len(),
        "children": report.shipped().map(row).collect::<Vec<_>>(),
        "accuracy_predictor": report.accuracy_predictor.as_ref().map(AccuracyPredictor::prediction_error),
        "cpu_s": report.cpu_s,
        "wall_s": report.wall_s,
    })
}

fn table(report: &SearchReport) -> String {
    let mut text = format!("{} children evaluated; these ship:\n", report.evaluated.len());
    let _ = writeln!(text, "{:10} {:>9} {:>9} {:>10} {:>7}  child", "name", "params", "MAdds", "validation", "test");
    for (chosen, evaluated) in report.shipped() {
        let _ = writeln!(
            text,
            "{:10} {:>9} {:>9} {:>8.2} % {:>5.2} %  {}",
            chosen.name,
            evaluated.cost.params,
            evaluated.cost.madds.to_string(),
            evaluated.held_out.percent(),
            chosen.test.percent(),
            evaluated.child
        );
    }
    if let Some(predictor) = &report.accuracy_predictor {
        let _ = writeln!(text, "accuracy predictor: {}", predictor.prediction_error());
    }
    text
}
