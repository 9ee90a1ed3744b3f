//! `search --budgets`: the most accurate child for each of S, M, L and XL (coarse-to-fine selection).

use super::search_quantities::{parse_madds, parse_millis, parse_params};
use super::search_under_limit::DeviceArguments;
use super::trained_run::{BUNDLE_NAME, RunArguments, TrainedRun};
use super::{bar, open_bundle, print};
use anyhow::Result;
use clap::Args;
use nestling_bundle::Bundle;
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::{MAdds, Millis, Params, Top1};
use nestling_core::space::{Child, ValidatedSpace};
use nestling_stopwatch::Stopwatch;
use nestling_train::run_folder::RunFolder;
use nestling_train::search::{
    Chosen, Evaluated, Limit, LimitKind, NamedLimit, Remembered, SearchReport, Trials, coarse_to_fine, default_budgets,
    given_budgets, latency_table, ship_selected,
};
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// The budgets S, M, L and XL.
#[derive(Args, Debug)]
#[command(next_help_heading = "Selection under the budgets S, M, L and XL")]
pub struct BudgetArguments {
    /// Multiply-adds of S, M, L, XL, in millions or with a suffix (0.5M,1M,2M,3M) [without a value: four equal factors
    /// between the smallest and the biggest child]
    #[arg(long, value_name = "MADDS,...", group = "budget", num_args = 0.., value_delimiter = ',', value_parser = parse_madds)]
    budgets: Option<Vec<MAdds>>,
    /// The same in parameters
    #[arg(long, value_name = "PARAMS,...", group = "budget", num_args = 0.., value_delimiter = ',', value_parser = parse_params)]
    budgets_params: Option<Vec<Params>>,
    /// The same in milliseconds of the predicted median time on the device
    #[arg(long, value_name = "MS,...", requires = "device", groups = ["budget", "milliseconds"], num_args = 0.., value_delimiter = ',', value_parser = parse_millis)]
    budgets_ms: Option<Vec<Millis>>,
}

/// The quantity that was asked for, and its values; none for the default ones.
enum Request {
    MAdds(Vec<f64>),
    Params(Vec<f64>),
    Millis(Vec<f64>),
}

impl BudgetArguments {
    /// Whether budgets were asked for.
    pub fn are_given(&self) -> bool {
        self.request().is_some()
    }

    fn request(&self) -> Option<Request> {
        let madds = |all: &Vec<MAdds>| Request::MAdds(all.iter().map(|most| most.0 as f64).collect());
        let params = |all: &Vec<Params>| Request::Params(all.iter().map(|most| most.0 as f64).collect());
        let millis = |all: &Vec<Millis>| Request::Millis(all.iter().map(|most| most.0).collect());
        (self.budgets.as_ref().map(madds))
            .or_else(|| self.budgets_params.as_ref().map(params))
            .or_else(|| self.budgets_ms.as_ref().map(millis))
    }

    /// Runs the selection, with `fine` children for each budget beside the coarse grid.
    pub fn run(&self, of: &DeviceArguments, run: &RunArguments, fine: usize, workers: usize) -> Result<()> {
        let stopwatch = Stopwatch::start();
        let folder = RunFolder::open(&run.run);
        let _lock = folder.lock("nestling search")?;
        folder.check_search(&[run.data.inputs(), of.bundle.iter().cloned().collect()].concat())?;
        let mut report = folder.searched()?;
        let trained = TrainedRun::load(run, &folder, report.calibration_images)?;
        let path = of.bundle.clone().unwrap_or_else(|| run.run.join(BUNDLE_NAME));
        let bundle = if of.device.is_some() { Some(open_bundle(&path)?) } else { None };
        let bundle = bundle.as_ref().map(|bundle| (path.as_path(), bundle));
        let budgets = self.budgets(&trained.space, of, bundle)?;
        let document = select(&trained, &mut report, &budgets, fine, workers)?;
        let elapsed = stopwatch.elapsed();
        report.cpu_s += elapsed.cpu_s();
        report.wall_s += elapsed.wall_s();
        folder.save_search(&report)?;
        print(run.json, &document, || document.table())
    }

    fn budgets<'a>(
        &self,
        space: &ValidatedSpace,
        of: &DeviceArguments,
        bundle: Option<(&Path, &'a Bundle)>,
    ) -> Result<Vec<NamedLimit<'a>>> {
        let (kind, given) = match self.request() {
            Some(Request::Params(given)) => (LimitKind::Params, given),
            Some(Request::Millis(given)) => {
                let device = of.device.as_deref().unwrap_or_default();
                (LimitKind::Latency(latency_table(bundle, device)?), given)
            }
            Some(Request::MAdds(given)) => (LimitKind::MAdds, given),
            None => (LimitKind::MAdds, Vec::new()),
        };
        Ok(if given.is_empty() { default_budgets(space, kind)? } else { given_budgets(kind, &given)? })
    }
}

/// Selects a child for each budget, evaluates the new ones on the test images, and ships them.
fn select(
    trained: &TrainedRun,
    report: &mut SearchReport,
    budgets: &[NamedLimit<'_>],
    fine: usize,
    workers: usize,
) -> Result<Document> {
    let weights = trained.checkpoint.shipped_weights();
    let evaluator = trained.evaluator(weights, &trained.held_out, workers);
    let bar = bar(0, "select");
    let mut evaluated_now = 0;
    let new = |children: &[Child]| {
        bar.set_length((evaluated_now + children.len()) as u64);
        let evaluated = evaluator.evaluate(children, &|done| bar.set_position((evaluated_now + done) as u64))?;
        evaluated_now += children.len();
        Ok(evaluated)
    };
    let mut evaluate = Remembered::new(new, report.evaluated.iter().cloned());
    let mut trials = Trials::default();
    let limits: Vec<Limit<'_>> = budgets.iter().map(|budget| budget.limit).collect();
    let selected = coarse_to_fine(&trained.space, &limits, fine, &mut trials, &mut evaluate)?;
    drop(evaluate);
    bar.finish_and_clear();
    let named: Vec<(String, Evaluated)> =
        budgets.iter().map(NamedLimit::child_name).zip(selected.iter().cloned()).collect();
    let names = ship_selected(report, trials.evaluated(), &named, |children| -> Result<Vec<Top1>> {
        let tested = super::search::test(trained, weights, children, workers)?;
        Ok(tested.into_iter().map(|one| one.held_out).collect())
    })?;
    let rows = (budgets.iter().zip(&selected).zip(names))
        .filter_map(|((budget, selected), name)| Some(Row::new(&trained.space, budget, selected, report.named(&name)?)))
        .collect();
    let device = budgets.first().and_then(|budget| budget.limit.device()).cloned();
    Ok(Document { device, considered: trials.evaluated().len(), evaluated_now, budgets: rows })
}

/// The JSON document of the selection.
#[derive(Serialize)]
struct Document {
    device: Option<DeviceKey>,
    /// Children of the coarse and fine grids.
    considered: usize,
    /// Those of them that no earlier search had evaluated.
    evaluated_now: usize,
    budgets: Vec<Row>,
}

/// The child of a budget.
#[derive(Serialize)]
struct Row {
    budget: &'static str,
    most: f64,
    unit: &'static str,
    #[serde(skip)]
    limit: String,
    child: String,
    predicted_ms: Option<f64>,
    madds: MAdds,
    params: u64,
    held_out_top1: f64,
    test_top1: f64,
    ships_as: String,
}

impl Row {
    fn new(space: &ValidatedSpace, budget: &NamedLimit<'_>, selected: &Evaluated, chosen: &Chosen) -> Self {
        let limit = &budget.limit;
        Self {
            budget: budget.name,
            most: limit.most(),
            unit: limit.unit(),
            limit: limit.text(limit.most()),
            child: selected.child.to_string(),
            predicted_ms: limit.device().map(|_| limit.cost_of(space, selected)),
            madds: selected.cost.madds,
            params: selected.cost.params,
            held_out_top1: selected.held_out.percent(),
            test_top1: chosen.test.percent(),
            ships_as: chosen.name.clone(),
        }
    }
}

impl Document {
    fn table(&self) -> String {
        let mut text = format!("{} children considered, {} of them evaluated now", self.considered, self.evaluated_now);
        let _ = match &self.device {
            Some(device) => writeln!(text, "; budgets on {device}"),
            None => writeln!(text),
        };
        let _ = writeln!(
            text,
            "{:4} {:>20} {:>9} {:>9} {:>9} {:>7}  {:10} child",
            "", "at most", "MAdds", "params", "held-out", "test", "ships as"
        );
        for row in &self.budgets {
            let _ = writeln!(
                text,
                "{:4} {:>20} {:>9} {:>9} {:>7.2} % {:>5.2} %  {:10} {}",
                row.budget,
                row.limit,
                row.madds.to_string(),
                row.params,
                row.held_out_top1,
                row.test_top1,
                row.ships_as,
                row.child
            );
        }
        text
    }
}
