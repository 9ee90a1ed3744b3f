use super::record::{origin, with_needs};
use super::results::{checksum, damaged, record_file};
use super::{
    Entry, ExperimentError, Neighbour, NeighbourChild, Record, Results, Row, SelectionEntry, SelectionRecord,
    Statistics, selection_entries,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Checks that every row of a folder's results is what its records say, and every record is the file that was written.
///
/// # Errors
/// [`ExperimentError::Results`] names the first row or record that is not.
pub fn check(folder: &Path) -> Result<Results, ExperimentError> {
    let results = Results::read(folder)?;
    let (mut records, mut selections) = (BTreeMap::new(), Vec::new());
    for (key, sum) in &results.records {
        let path = record_file(folder, key);
        if checksum(&path)? != *sum {
            return Err(damaged(&path, "its checksum is not the one in results.json"));
        }
        let missing = || damaged(&path, "it is missing");
        if key.starts_with("selection-") {
            selections.push(SelectionRecord::read(&path)?.ok_or_else(missing)?);
        } else {
            records.insert(key.as_str(), Record::read(&path)?.ok_or_else(missing)?);
        }
    }
    if let Some(record) = records.values().find(|record| record.commit.ends_with("-dirty")) {
        let problem = format!("the code of {} had changes that no commit has", record.key);
        return Err(damaged(&folder.join("results.json"), &problem));
    }
    check_selection(folder, &results.selection, &selections)?;
    for selection in &selections {
        check_supernet(folder, selection, &records)?;
    }
    check_neighbours(folder, &results.neighbours, &records)?;
    for entry in &results.experiments {
        check_entry(folder, entry, &records)?;
        for row in &entry.rows {
            check_row(folder, entry, row, &records)?;
        }
    }
    Ok(results)
}

/// Checks the figures of a whole entry.
fn check_entry(folder: &Path, entry: &Entry, records: &BTreeMap<&str, Record>) -> Result<(), ExperimentError> {
    let wrong =
        |problem: &str| damaged(&folder.join("results.json"), &format!("{} of {}: {problem}", entry.name, entry.data));
    let first = entry.rows.first().and_then(|row| records.get(&**row.records.first()?));
    if first.is_none_or(|first| (first.images, first.epochs) != (entry.images, entry.epochs)) {
        return Err(wrong("its images or epochs are not those of its first record"));
    }
    let missing = |key: &str| wrong(&format!("record {key} is missing"));
    let all = with_needs(entry.keys(), |key| records.get(key).cloned().ok_or_else(|| missing(key)))?;
    let (commit, cpu_hours) = origin(&all);
    if commit != entry.commit || (cpu_hours - entry.cpu_hours).abs() > 1e-9 {
        return Err(wrong("its commit or CPU-hours are not those of its records"));
    }
    Ok(())
}

fn check_row(folder: &Path, entry: &Entry, row: &Row, records: &BTreeMap<&str, Record>) -> Result<(), ExperimentError> {
    let wrong = |problem: &str| {
        let Row { child, variant, .. } = row;
        damaged(
            &folder.join("results.json"),
            &format!("{} of {}, {child}, {variant}: {problem}", entry.name, entry.data),
        )
    };
    if row.records.len() != entry.seeds as usize {
        return Err(wrong("it has not one record a seed"));
    }
    let mut top1 = Vec::new();
    for (seed, key) in (1..).zip(&row.records) {
        let record = records.get(&**key).ok_or_else(|| wrong("a record is missing"))?;
        if record.seed != seed {
            return Err(wrong("its records are not those of the seeds from 1 on"));
        }
        if record.data != entry.data {
            return Err(wrong("a record is of another data set"));
        }
        let tested = record.tested(&row.architecture).ok_or_else(|| wrong("a record has not tested the child"))?;
        if tested.madds != row.madds {
            return Err(wrong("a record has other multiply-adds"));
        }
        top1.push(tested.top1.percent());
    }
    let own = Statistics { mean: row.top1_mean, spread: row.top1_spread };
    if Statistics::of(&top1).is_near(own) {
        Ok(())
    } else {
        Err(wrong("its mean or spread is not that of its records"))
    }
}

fn check_selection(
    folder: &Path,
    entries: &[SelectionEntry],
    records: &[SelectionRecord],
) -> Result<(), ExperimentError> {
    for entry in entries {
        let own: Vec<SelectionRecord> =
            records.iter().filter(|record| entry.records.contains(&record.key)).cloned().collect();
        if own.len() != entry.records.len() || !selection_entries(&own, &entry.command).contains(entry) {
            let problem =
                format!("selection of {}, budget {}: its records say something else", entry.data, entry.budget);
            return Err(damaged(&folder.join("results.json"), &problem));
        }
    }
    Ok(())
}

/// Checks that a selection names the supernet that it searched: the same seed and data, and the same accuracy of a child
/// that both tested.
fn check_supernet(
    folder: &Path,
    selection: &SelectionRecord,
    records: &BTreeMap<&str, Record>,
) -> Result<(), ExperimentError> {
    let wrong = |problem: &str| damaged(&folder.join("results.json"), &format!("{}: {problem}", selection.key));
    let supernet = records.get(&*selection.supernet).ok_or_else(|| wrong("the record of its supernet is missing"))?;
    if supernet.seed != selection.seed || supernet.data != selection.data {
        return Err(wrong("its supernet has another seed or data set"));
    }
    let selected = selection.rows.iter().flat_map(|row| [&row.coarse_to_fine, &row.random, &row.evolution]);
    for one in selected {
        let tested = supernet.tested.iter().find(|tested| tested.child.to_string() == one.child);
        if tested.is_some_and(|tested| tested.top1 != one.test) {
            return Err(wrong("its supernet has another accuracy of a child that both tested"));
        }
    }
    Ok(())
}

fn check_neighbours(
    folder: &Path,
    rows: &[Neighbour],
    records: &BTreeMap<&str, Record>,
) -> Result<(), ExperimentError> {
    for row in rows {
        let wrong =
            |problem: &str| damaged(&folder.join("results.json"), &format!("neighbour {}: {problem}", row.mode.name()));
        let own: Option<Vec<&Record>> = row.records.iter().map(|key| records.get(&**key)).collect();
        let own = own.ok_or_else(|| wrong("a record is missing"))?;
        let seeds: BTreeSet<u64> = own.iter().map(|record| record.seed).collect();
        if row.clone().with_figures_of(&own) != *row {
            return Err(wrong("its CPU-hours, evaluations or commit are not those of its records"));
        }
        let is_right = |child: &NeighbourChild| *child == NeighbourChild::of(child.tested.clone(), &own);
        let has_seeds = |child: &NeighbourChild| child.tested.len() == seeds.len();
        let mut children = [&row.smallest, &row.middle, &row.biggest].into_iter();
        if !children.all(|child| has_seeds(child) && is_right(child)) {
            return Err(wrong("its mean or spread is not that of its records"));
        }
    }
    Ok(())
}
