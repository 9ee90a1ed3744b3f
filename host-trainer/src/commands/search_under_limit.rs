//! `search --budget-ms`, `--budget-madds`, `--budget-params`: the whole space under a limit.

use super::progress::Progress;
use super::search_quantities::{parse_madds, parse_millis, parse_params};
use super::trained_run::{BUNDLE_NAME, RunArguments, TrainedRun};
use super::{open_bundle, print, say};
use anyhow::{Context, Result};
use clap::Args;
use nestling_core::choosing::FoundChild;
use nestling_core::latency::DeviceKey;
use nestling_core::metrics::{MAdds, Millis, Params};
use nestling_core::space::ValidatedSpace;
use nestling_stopwatch::Stopwatch;
use nestling_train::run_folder::RunFolder;
use nestling_train::search::{
    Limit, LimitRequest, MergeOutcome, SearchInputs, SearchReport, evaluate_found, merge_found,
};
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// The limit of a search of the whole space.
#[derive(Args, Debug)]
#[command(next_help_heading = "Search of the whole space under a limit")]
pub struct LimitArguments {
    /// Most milliseconds of the predicted median time on the device, from image to logits
    #[arg(long, value_name = "MS", requires = "device", groups = ["budget", "limit", "milliseconds"], value_parser = parse_millis)]
    budget_ms: Option<Millis>,
    /// Most multiply-adds: in millions, or with a suffix (2.5M, 800k, 1G)
    #[arg(long, value_name = "MADDS", groups = ["budget", "limit"], value_parser = parse_madds)]
    budget_madds: Option<MAdds>,
    /// Most parameters: in millions, or with a suffix
    #[arg(long, value_name = "PARAMS", groups = ["budget", "limit"], value_parser = parse_params)]
    budget_params: Option<Params>,
    /// Children that are evaluated, the most promising first
    #[arg(long, value_name = "N", default_value_t = 8, requires = "limit", value_parser = clap::value_parser!(u32).range(1..=1000))]
    top: u32,
}

/// The device of budgets in milliseconds.
#[derive(Args, Debug)]
#[command(next_help_heading = "Device of budgets in milliseconds")]
pub struct DeviceArguments {
    /// A device of the bundle: words that are parts of its adapter's name, precision, driver, backend or features, in
    /// any case (`nestling latency list` shows them)
    #[arg(long, value_name = "NAME", requires = "milliseconds")]
    pub device: Option<String>,
    /// Bundle with the latency tables [default: fashion.nestling in the run's folder]
    #[arg(long, requires = "budget")]
    pub bundle: Option<PathBuf>,
}

impl LimitArguments {
    /// The limit that was asked for, if there is one.
    pub fn request<'a>(&self, of: &'a DeviceArguments) -> Option<LimitRequest<'a>> {
        match (&of.device, self.budget_ms, self.budget_madds) {
            (Some(device), Some(most), _) => Some(LimitRequest::Latency { device, most }),
            (_, _, Some(most)) => Some(LimitRequest::MAdds(most)),
            _ => self.budget_params.map(LimitRequest::Params),
        }
    }

    /// Runs the search.
    pub fn run(
        &self,
        request: LimitRequest<'_>,
        of: &DeviceArguments,
        run: &RunArguments,
        workers: usize,
    ) -> Result<()> {
        let stopwatch = Stopwatch::start();
        let folder = RunFolder::open(&run.run);
        let is_trained = folder.is_trained()?;
        // The found children are added to what the file holds.
        let _lock = if is_trained { folder.lock("nestling search")? } else { None };
        let trained = if is_trained {
            folder.check_search(&[run.data.inputs(), of.bundle.iter().cloned().collect()].concat())?;
            let report = folder.searched()?;
            Some((TrainedRun::load(run, &folder, report.calibration_images)?, report))
        } else {
            None
        };
        // A limit in MAdds or parameters needs no bundle where there is a run.
        let path = of.bundle.clone().unwrap_or_else(|| run.run.join(BUNDLE_NAME));
        let bundle = if of.device.is_some() || of.bundle.is_some() || trained.is_none() {
            Some(open_bundle(&path)?)
        } else {
            None
        };
        let inputs = SearchInputs::new(
            &run.run,
            trained.as_ref().map(|(trained, report)| (&trained.space, report)),
            bundle.as_ref().map(|bundle| (path.as_path(), bundle)),
        )?;
        let limit = inputs.limit(request)?;
        let predicted = inputs.most_accurate_within(&limit, self.top as usize)?;
        let Some((trained, report)) = &trained else {
            say("no trained run: the children are predicted, none is evaluated");
            let row = |found| Row::new(inputs.space(), &limit, found, None);
            let rows = predicted.iter().map(row).collect::<Result<_>>()?;
            return show(run.json, &limit, Document::new(&limit, rows));
        };
        let mut report = report.clone();
        let document = evaluate(trained, &mut report, &predicted, &limit, workers)?;
        let elapsed = stopwatch.elapsed();
        report.cpu_s += elapsed.cpu_s();
        report.wall_s += elapsed.wall_s();
        folder.save_search(&report)?;
        show(run.json, &limit, document)
    }
}

/// Evaluates the found children, with bars, and merges them into the report; rows are the best first.
fn evaluate(
    trained: &TrainedRun,
    report: &mut SearchReport,
    predicted: &[FoundChild],
    limit: &Limit<'_>,
    workers: usize,
) -> Result<Document> {
    let space = &trained.space;
    let weights = trained.checkpoint.shipped_weights();
    let evaluator = trained.evaluator(weights, &trained.held_out, workers);
    let progress = Progress::new(0, "evaluate");
    let found = evaluate_found(predicted, report, &evaluator, &|done, total| progress.set(done, total))?;
    drop(progress);
    let rows = (found.iter())
        .map(|(found, evaluated)| Row::new(space, limit, found, Some(evaluated.held_out.percent())))
        .collect::<Result<_>>()?;
    let evaluated: Vec<_> = found.into_iter().map(|(_, evaluated)| evaluated).collect();
    let test = |child: &_| -> Result<_> {
        let tested = super::search::test(trained, weights, std::slice::from_ref(child), 1)?;
        tested.first().map(|one| one.held_out).context("the child was not evaluated: please report it")
    };
    let mut document = Document::new(limit, rows);
    match merge_found(report, &evaluated, |child| limit.allows(space, child), test)? {
        MergeOutcome::Ships { name } => {
            document.test_top1 = report.named(&name).map(|chosen| chosen.test.percent());
            document.ships_as = Some(name);
        }
        MergeOutcome::Beaten { by } => document.beaten_by = Some(by),
        MergeOutcome::Nothing => {}
    }
    Ok(document)
}

/// The JSON document of the search.
#[derive(Serialize)]
struct Document {
    device: Option<DeviceKey>,
    budget_ms: Option<Millis>,
    budget_madds: Option<MAdds>,
    budget_params: Option<Params>,
    children: Vec<Row>,
    ships_as: Option<String>,
    test_top1: Option<f64>,
    beaten_by: Option<String>,
}

impl Document {
    fn new(limit: &Limit<'_>, children: Vec<Row>) -> Self {
        let mut document = Self {
            device: limit.device().cloned(),
            budget_ms: None,
            budget_madds: None,
            budget_params: None,
            children,
            ships_as: None,
            test_top1: None,
            beaten_by: None,
        };
        match limit {
            Limit::Latency { most, .. } => document.budget_ms = Some(*most),
            Limit::MAdds(most) => document.budget_madds = Some(*most),
            Limit::Params(most) => document.budget_params = Some(*most),
        }
        document
    }
}

/// A child that was found.
#[derive(Serialize)]
struct Row {
    child: String,
    predicted_ms: Option<Millis>,
    madds: MAdds,
    params: u64,
    predicted_top1: f64,
    held_out_top1: Option<f64>,
}

impl Row {
    fn new(space: &ValidatedSpace, limit: &Limit<'_>, found: &FoundChild, held_out_top1: Option<f64>) -> Result<Self> {
        let network = space.lower(&found.child)?;
        let cost = network.cost();
        Ok(Self {
            child: found.child.to_string(),
            predicted_ms: limit.device().map(|_| Millis(limit.cost(&network))),
            madds: cost.madds,
            params: cost.params,
            predicted_top1: found.top1,
            held_out_top1,
        })
    }
}

fn show(json: bool, limit: &Limit<'_>, document: Document) -> Result<()> {
    print(json, &document, || {
        let mut text = format!(
            "within {limit}\n{:>10} {:>9} {:>9} {:>10}  child\n",
            "predicted", "MAdds", "predicted", "validation"
        );
        for row in &document.children {
            let _ = writeln!(
                text,
                "{:>10} {:>9} {:>7.2} % {:>10}  {}",
                row.predicted_ms.map(|ms| ms.to_string()).unwrap_or_default(),
                row.madds.to_string(),
                row.predicted_top1,
                row.held_out_top1.map(|top1| format!("{top1:.2} %")).unwrap_or_default(),
                row.child
            );
        }
        if let Some(name) = &document.ships_as {
            let test = document.test_top1.map(|top1| format!(" ({top1:.2} % on the test images)")).unwrap_or_default();
            let _ = writeln!(text, "the first ships as `{name}`{test} with the next `nestling pack`");
        }
        if let Some(by) = &document.beaten_by {
            let _ = writeln!(text, "`{by}` ships already, keeps the limit and is as accurate");
        }
        text
    })
}
