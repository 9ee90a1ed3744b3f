//! Coarse-to-fine selection beside random search and evolution, at the same number of evaluations.

use super::figures::mean_and_spread;
use super::record::read_json;
use super::{ExperimentError, Plan, Trainings, Watch};
use crate::calibrate::CalibrateError;
use crate::run_folder::write_json;
use crate::search::{Comparison, Evaluated, LimitKind, Selected, SelectionRow, compare, default_budgets};
use nestling_core::space::Child;
use nestling_stopwatch::Stopwatch;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Children that each search evaluates, for all budgets together.
pub const EVALUATIONS: usize = 160;

/// Most bytes of a record.
const MAX_BYTES: u64 = 16 << 20;

/// The outcome of one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectionRecord {
    /// Its name among the records.
    pub key: String,
    /// The data set.
    pub data: String,
    /// The seed of supernet and searches.
    pub seed: u64,
    /// Children that each search evaluated.
    pub evaluations: usize,
    /// The version of the code.
    pub commit: String,
    /// The command.
    pub command: String,
    /// CPU-seconds of all searches, without the training.
    pub cpu_s: f64,
    /// The selected children under each budget.
    pub rows: Vec<SelectionRow>,
}

impl SelectionRecord {
    /// Reads a record; none if there is no such file.
    ///
    /// # Errors
    /// [`ExperimentError::Results`] if it is damaged.
    pub fn read(path: &Path) -> Result<Option<Self>, ExperimentError> {
        read_json(path, MAX_BYTES)
    }
}

/// One budget over all seeds: top-1 of the selected children on the test images, in percent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectionEntry {
    /// The data set.
    pub data: String,
    /// The budget.
    pub budget: String,
    /// The most multiply-adds.
    pub most_madds: f64,
    /// Children that each search evaluated for all budgets together.
    pub evaluations: usize,
    /// Mean of coarse-to-fine selection.
    pub coarse_to_fine: f64,
    /// Its standard deviation over seeds.
    pub coarse_to_fine_spread: f64,
    /// Mean of random search.
    pub random: f64,
    /// Its standard deviation over seeds.
    pub random_spread: f64,
    /// Mean of evolution.
    pub evolution: f64,
    /// Its standard deviation over seeds.
    pub evolution_spread: f64,
    /// The records of its values, one a seed.
    pub records: Vec<String>,
}

/// Runs the searches on the supernets of seeds `1..=seeds`, as far as they were not run before.
///
/// # Errors
/// [`ExperimentError`]; everything that is done is kept.
pub fn selection(
    plan: &Plan,
    seeds: u32,
    trainings: &Trainings<'_>,
    watch: &mut dyn Watch,
) -> Result<Vec<SelectionRecord>, ExperimentError> {
    (1..=u64::from(seeds)).map(|seed| of_seed(plan, seed, trainings, watch)).collect()
}

fn of_seed(
    plan: &Plan,
    seed: u64,
    trainings: &Trainings<'_>,
    watch: &mut dyn Watch,
) -> Result<SelectionRecord, ExperimentError> {
    let supernet = plan.supernet(seed);
    let key = format!("selection-{EVALUATIONS}-{}", supernet.key());
    let path = trainings.folder_of(&supernet).join(format!("selection-{EVALUATIONS}.json"));
    if let Some(known) = SelectionRecord::read(&path)? {
        return Ok(known);
    }
    let run = trainings.checkpoint(&supernet, watch)?;
    let stopwatch = Stopwatch::start();
    let budgets = default_budgets(&plan.space, LimitKind::MAdds)?;
    let comparison = Comparison { space: &plan.space, budgets: &budgets, evaluations: EVALUATIONS, seed };
    let rows = trainings.with_evaluators(&supernet, &run, |validation, test| {
        let mut validate = |children: &[Child]| -> Result<Vec<Evaluated>, CalibrateError> {
            watch.evaluating(children.len());
            validation.evaluate(children, &|_| ())
        };
        Ok(compare(&comparison, &mut validate, &mut |children: &[Child]| test.evaluate(children, &|_| ()))?)
    })?;
    let record = SelectionRecord {
        key,
        data: trainings.data.name.clone(),
        seed,
        evaluations: EVALUATIONS,
        commit: trainings.origin.0.clone(),
        command: trainings.origin.1.clone(),
        cpu_s: stopwatch.elapsed().cpu_s(),
        rows,
    };
    write_json(&path, &record)?;
    Ok(record)
}

/// Means and spreads over seeds, a line for each budget.
pub fn selection_entries(records: &[SelectionRecord]) -> Vec<SelectionEntry> {
    let Some(first) = records.first() else { return Vec::new() };
    let entry = |(index, row): (usize, &SelectionRow)| {
        let of = |pick: fn(&SelectionRow) -> &Selected| {
            let values: Vec<f64> =
                records.iter().filter_map(|record| Some(pick(record.rows.get(index)?).test.percent())).collect();
            mean_and_spread(&values)
        };
        let [coarse_to_fine, coarse_to_fine_spread] = of(|row| &row.coarse_to_fine);
        let [random, random_spread] = of(|row| &row.random);
        let [evolution, evolution_spread] = of(|row| &row.evolution);
        SelectionEntry {
            data: first.data.clone(),
            budget: row.budget.clone(),
            most_madds: row.most,
            evaluations: first.evaluations,
            coarse_to_fine,
            coarse_to_fine_spread,
            random,
            random_spread,
            evolution,
            evolution_spread,
            records: records.iter().map(|record| record.key.clone()).collect(),
        }
    };
    first.rows.iter().enumerate().map(entry).collect()
}
