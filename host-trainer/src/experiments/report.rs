//! Tables and page of a folder of results. All come from `results.json` and the records beside it, so that results of
//! several calls and machines stand on one page.

use super::page::page;
use super::record::{origin, with_needs};
use super::results::{damaged, record_file};
use super::{
    Cell, Entry, Experiment, ExperimentError, Neighbour, Outcome, Record, Results, Row, SelectionEntry,
    SelectionRecord, tables,
};
use nestling_bundle::atomic_file::{WriteError, write_atomically};
use std::path::Path;

/// An outcome with the command that gives it again.
#[derive(Clone, Debug)]
pub struct Section {
    /// The outcome.
    pub outcome: Outcome,
    /// The command.
    pub command: String,
}

/// Writes a CSV file and a Markdown table for each experiment, and `experiments.html` with all of them; returns the
/// sections of the page, in the order of the paper.
///
/// # Errors
/// [`ExperimentError::Results`] if a record is missing or damaged, [`ExperimentError::Write`] if the disk takes no file.
pub fn write_report(folder: &Path, results: &Results) -> Result<Vec<Section>, ExperimentError> {
    let records = Records { folder };
    let fault = |error: csv::Error| damaged(folder, &error.to_string());
    let sections = sections(results, &records)?;
    for Section { outcome, command } in &sections {
        let (commit, cpu_hours) = origin(&outcome.records);
        let text = tables::markdown(outcome) + &caption(outcome.seeds, cpu_hours, &commit, command);
        write_table(folder, &outcome.file_name(), &tables::csv(outcome).map_err(fault)?, &text)?;
    }
    if !results.neighbours.is_empty() {
        let keys = results.neighbours.iter().flat_map(|row| &row.records);
        let known = keys.map(|key| records.training(key)).collect::<Result<Vec<Record>, _>>()?;
        let csv = tables::neighbours_csv(&results.neighbours, &known).map_err(fault)?;
        let (commit, cpu_hours) = origin(&known);
        let Neighbour { smallest, command, .. } = &results.neighbours[0];
        let text = tables::neighbours_markdown(&results.neighbours)
            + &caption(smallest.tested.len() as u32, cpu_hours, &commit, command);
        write_table(folder, "neighbours", &csv, &text)?;
    }
    if !results.selection.is_empty() {
        let mut keys: Vec<&String> = results.selection.iter().flat_map(|row| &row.records).collect();
        keys.sort_unstable();
        keys.dedup();
        let known = keys.into_iter().map(|key| records.selection(key)).collect::<Result<Vec<_>, _>>()?;
        let csv = tables::selection_csv(&known).map_err(fault)?;
        let SelectionEntry { cpu_hours, commit, command, records, .. } = &results.selection[0];
        let text = tables::selection_markdown(&results.selection)
            + &caption(records.len() as u32, *cpu_hours, commit, command);
        write_table(folder, "selection", &csv, &text)?;
    }
    write_file(&folder.join("experiments.html"), page(&sections, results).as_bytes())?;
    Ok(sections)
}

/// The line below a table.
fn caption(seeds: u32, cpu_hours: f64, commit: &str, command: &str) -> String {
    let seeds = if seeds == 1 { "1 seed".to_owned() } else { format!("{seeds} seeds") };
    format!("\n{seeds}, {cpu_hours:.2} CPU-hours, commit {commit}: `{command}`\n")
}

fn write_table(folder: &Path, name: &str, csv: &[u8], markdown: &str) -> Result<(), ExperimentError> {
    write_file(&folder.join(format!("{name}.csv")), csv)?;
    Ok(write_file(&folder.join(format!("{name}.md")), markdown.as_bytes())?)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_atomically(path, |file| file.write_all(bytes))
}

/// The records of a folder of results.
struct Records<'a> {
    folder: &'a Path,
}

impl Records<'_> {
    fn training(&self, key: &str) -> Result<Record, ExperimentError> {
        let path = record_file(self.folder, key);
        Record::read(&path)?.ok_or_else(|| damaged(&path, "it is missing"))
    }

    fn selection(&self, key: &str) -> Result<SelectionRecord, ExperimentError> {
        let path = record_file(self.folder, key);
        SelectionRecord::read(&path)?.ok_or_else(|| damaged(&path, "it is missing"))
    }
}

fn sections(results: &Results, records: &Records<'_>) -> Result<Vec<Section>, ExperimentError> {
    let mut sections = Vec::new();
    for experiment in Experiment::ALL {
        for entry in results.experiments.iter().filter(|entry| entry.name == experiment.name()) {
            sections.push(Section { outcome: of_entry(experiment, entry, records)?, command: entry.command.clone() });
        }
    }
    Ok(sections)
}

/// The outcome that an entry was made from.
fn of_entry(experiment: Experiment, entry: &Entry, records: &Records<'_>) -> Result<Outcome, ExperimentError> {
    // The first one says the size of the experiment: its order is that of the rows.
    let known = with_needs(entry.rows.iter().flat_map(|row| &row.records), |key| records.training(key))?;
    let cells = entry.rows.iter().map(|row| of_row(row, &known)).collect();
    let (space, seeds) = (entry.space.clone(), entry.seeds);
    Ok(Outcome { experiment, space, seeds, cells, records: known })
}

fn of_row(row: &Row, records: &[Record]) -> Cell {
    let find = |key: &String| records.iter().find(|record| record.key == *key);
    let tested = || row.records.iter().filter_map(|key| find(key)?.tested(&row.architecture));
    Cell {
        child: row.child.clone(),
        architecture: row.architecture.clone(),
        madds: row.madds,
        params: tested().next().map_or(0, |one| one.params),
        variant: row.variant.clone(),
        top1: tested().map(|one| one.top1.percent()).collect(),
        records: row.records.clone(),
    }
}
