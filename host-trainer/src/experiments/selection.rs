//! Coarse-to-fine selection beside random search and evolution, at the same number of evaluations.

use super::record::read_json;
use super::{ExperimentError, Plan, Record, Statistics, Trainings, Watch};
use crate::calibrate::CalibrateError;
use crate::run_folder::write_json;
use crate::search::{Comparison, Evaluated, LimitKind, Selected, SelectionRow, compare, default_budgets};
use nestling_core::space::Child;
use nestling_stopwatch::Stopwatch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
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
    /// The record of the supernet.
    #[serde(default)]
    pub supernet: String,
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
    /// Its standard deviation over seeds; none for one seed.
    pub coarse_to_fine_spread: Option<f64>,
    /// Mean of random search.
    pub random: f64,
    /// Its standard deviation over seeds.
    pub random_spread: Option<f64>,
    /// Mean of evolution.
    pub evolution: f64,
    /// Its standard deviation over seeds.
    pub evolution_spread: Option<f64>,
    /// CPU-hours of all searches and seeds, for all budgets together, without the trainings.
    pub cpu_hours: f64,
    /// The versions of the code that searched.
    pub commit: String,
    /// The command.
    pub command: String,
    /// The records of its values, one a seed.
    pub records: Vec<String>,
    /// The records of the supernets, one a seed.
    pub supernets: Vec<String>,
}

impl SelectionEntry {
    /// The searches with their names.
    pub(super) fn searches(&self) -> [(&'static str, Statistics); 3] {
        let of = |mean, spread| Statistics { mean, spread };
        [
            ("coarse to fine", of(self.coarse_to_fine, self.coarse_to_fine_spread)),
            ("random search", of(self.random, self.random_spread)),
            ("evolution", of(self.evolution, self.evolution_spread)),
        ]
    }
}

/// Runs the searches on the supernets of seeds `1..=seeds`, as far as they were not run before; also returns the records of
/// the supernets.
///
/// # Errors
/// [`ExperimentError`]; everything that is done is kept.
pub fn selection(
    plan: &Plan,
    seeds: u32,
    trainings: &Trainings<'_>,
    watch: &mut dyn Watch,
) -> Result<(Vec<SelectionRecord>, Vec<Record>), ExperimentError> {
    let (mut selections, mut supernets) = (Vec::new(), Vec::new());
    for seed in 1..=u64::from(seeds) {
        supernets.push(trainings.measure(&plan.supernet(seed), &[], watch)?);
        selections.push(of_seed(plan, seed, trainings, watch)?);
    }
    Ok((selections, supernets))
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
        return Ok(SelectionRecord { supernet: supernet.key(), ..known });
    }
    let run = trainings.checkpoint(&supernet, watch)?;
    trainings.check_time()?;
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
        supernet: supernet.key(),
        cpu_s: stopwatch.elapsed().cpu_s(),
        rows,
    };
    write_json(&path, &record)?;
    Ok(record)
}

/// Means and spreads over seeds, a line for each budget.
pub fn selection_entries(records: &[SelectionRecord], command: &str) -> Vec<SelectionEntry> {
    let Some(first) = records.first() else { return Vec::new() };
    let commits: BTreeSet<&str> = records.iter().map(|record| &*record.commit).collect();
    let entry = |(index, row): (usize, &SelectionRow)| {
        let of = |pick: fn(&SelectionRow) -> &Selected| {
            let values: Vec<f64> =
                records.iter().filter_map(|record| Some(pick(record.rows.get(index)?).test.percent())).collect();
            Statistics::of(&values)
        };
        let Statistics { mean: coarse_to_fine, spread: coarse_to_fine_spread } = of(|row| &row.coarse_to_fine);
        let Statistics { mean: random, spread: random_spread } = of(|row| &row.random);
        let Statistics { mean: evolution, spread: evolution_spread } = of(|row| &row.evolution);
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
            cpu_hours: records.iter().map(|record| record.cpu_s).sum::<f64>() / 3600.0,
            commit: commits.iter().copied().collect::<Vec<_>>().join(", "),
            command: command.to_owned(),
            records: records.iter().map(|record| record.key.clone()).collect(),
            supernets: records.iter().map(|record| record.supernet.clone()).collect(),
        }
    };
    first.rows.iter().enumerate().map(entry).collect()
}
