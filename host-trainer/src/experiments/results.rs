use super::record::{origin, read_json, with_needs};
use super::{
    ExperimentError, Neighbour, Outcome, Record, SelectionEntry, SelectionRecord, Statistics, selection_entries,
};
use crate::run_folder::write_json;
use nestling_bundle::atomic_file::{disk, read_text};
use nestling_core::metrics::MAdds;
use nestling_core::space::Child;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Most bytes of the file.
const MAX_BYTES: u64 = 64 << 20;

/// All results: `results.json`, with the records that they come from in `runs/` beside it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// One entry for each experiment and setting.
    pub experiments: Vec<Entry>,
    /// BigNAS and its neighbours.
    pub neighbours: Vec<Neighbour>,
    /// Coarse-to-fine selection beside its rivals.
    pub selection: Vec<SelectionEntry>,
    /// The md5 sum of each record's file, by the record's key.
    pub records: BTreeMap<String, String>,
}

/// An experiment in one setting.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The experiment.
    pub name: String,
    /// The data set.
    pub data: String,
    /// Images to train on.
    pub images: u32,
    /// Passes over them.
    pub epochs: u32,
    /// The search space.
    pub space: String,
    /// Number of seeds.
    pub seeds: u32,
    /// The versions of the code that trained.
    pub commit: String,
    /// CPU-hours of all trainings and tests.
    pub cpu_hours: f64,
    /// The command.
    pub command: String,
    /// Its values.
    pub rows: Vec<Row>,
}

/// A child under a variant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The child's name.
    pub child: String,
    /// The child itself.
    pub architecture: Child,
    /// Its multiply-adds.
    pub madds: MAdds,
    /// The variant.
    pub variant: String,
    /// Mean over seeds, in percent.
    pub top1_mean: f64,
    /// The sample's standard deviation, in points; none for one seed.
    pub top1_spread: Option<f64>,
    /// The records of its values, one a seed.
    pub records: Vec<String>,
}

impl Results {
    /// Reads the file of a folder; nothing known if there is none.
    ///
    /// # Errors
    /// [`ExperimentError::Results`] if it is damaged.
    pub fn read(folder: &Path) -> Result<Self, ExperimentError> {
        Ok(read_json(&folder.join("results.json"), MAX_BYTES)?.unwrap_or_default())
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.experiments.is_empty() && self.neighbours.is_empty() && self.selection.is_empty()
    }

    /// Takes an outcome and writes its records, in the place of an older one of the same experiment and setting. Values of
    /// that which the outcome leaves out stay.
    ///
    /// # Errors
    /// [`ExperimentError::Write`] if the disk does not take a record, [`ExperimentError::Results`] if older values cannot
    /// stay beside the new ones.
    pub fn take(&mut self, folder: &Path, outcome: &Outcome, command: &str) -> Result<(), ExperimentError> {
        let Some(record) = outcome.records.first() else { return Ok(()) };
        let names = self.publish(folder, &outcome.records)?;
        let rows = outcome.cells.iter().map(|cell| {
            let Statistics { mean: top1_mean, spread: top1_spread } = cell.statistics();
            Row {
                child: cell.child.clone(),
                architecture: cell.architecture.clone(),
                madds: cell.madds,
                variant: cell.variant.clone(),
                top1_mean,
                top1_spread,
                records: renamed(&cell.records, &names),
            }
        });
        let mut entry = Entry {
            name: outcome.experiment.name().to_owned(),
            data: record.data.clone(),
            images: record.images,
            epochs: record.epochs,
            space: outcome.space.clone(),
            seeds: outcome.seeds,
            commit: String::new(),
            cpu_hours: 0.0,
            command: command.to_owned(),
            rows: rows.collect(),
        };
        if let Some(known) = self.experiments.iter().find(|one| one.is_of_same_setting(&entry)) {
            entry.keep_rows_of(known).map_err(|problem| damaged(&folder.join("results.json"), &problem))?;
        }
        self.experiments.retain(|one| !one.is_of_same_setting(&entry));
        self.experiments.push(entry);
        self.experiments.sort_by(|a, b| a.place().cmp(&b.place()));
        Ok(())
    }

    /// Takes the rows of all methods and writes their records, in the place of older ones of the same data.
    ///
    /// # Errors
    /// [`ExperimentError::Write`] if the disk does not take a record.
    pub fn take_neighbours(
        &mut self,
        folder: &Path,
        mut rows: Vec<Neighbour>,
        records: &[Record],
        command: &str,
    ) -> Result<(), ExperimentError> {
        let names = self.publish(folder, records)?;
        for row in &mut rows {
            command.clone_into(&mut row.command);
            row.records = renamed(&row.records, &names);
            for child in [&mut row.smallest, &mut row.middle, &mut row.biggest] {
                for (key, _) in &mut child.tested {
                    *key = names.get(key).unwrap_or(key).clone();
                }
            }
        }
        let of = |row: &Neighbour| (row.data.clone(), row.images);
        let now: Vec<_> = rows.iter().map(of).collect();
        self.neighbours.retain(|row| !now.contains(&of(row)));
        self.neighbours.extend(rows);
        Ok(())
    }

    /// Takes selections over seeds and the records of their supernets, in the place of older ones of the same data, and
    /// writes them.
    ///
    /// # Errors
    /// [`ExperimentError::Write`] if the disk does not take them.
    pub fn take_selections(
        &mut self,
        folder: &Path,
        (selections, supernets): (&[SelectionRecord], &[Record]),
        command: &str,
    ) -> Result<(), ExperimentError> {
        let names = self.publish(folder, supernets)?;
        let renamed = |one: &SelectionRecord| {
            let supernet = names.get(&one.supernet).unwrap_or(&one.supernet).clone();
            // Under the name of its supernet, which tells it from one of another machine.
            let key = one.key.replace(&one.supernet, &supernet);
            SelectionRecord { key, supernet, ..one.clone() }
        };
        let selections: Vec<SelectionRecord> = selections.iter().map(renamed).collect();
        let entries = selection_entries(&selections, command);
        self.selection.retain(|one| entries.iter().all(|entry| entry.data != one.data));
        self.selection.extend(entries);
        for record in &selections {
            let path = record_file(folder, &record.key);
            write_json(&path, record)?;
            self.records.insert(record.key.clone(), checksum(&path)?);
        }
        Ok(())
    }

    /// Writes records; returns the name of each by its key. A training with the settings of a known one, but with other
    /// results, was done on another machine, where floats add up in another order: it gets a name of its own, so that the
    /// results of both can be traced.
    fn publish(&mut self, folder: &Path, records: &[Record]) -> Result<BTreeMap<String, String>, ExperimentError> {
        let runs = folder.join("runs");
        std::fs::create_dir_all(&runs).map_err(|error| damaged(&runs, &error.to_string()))?;
        let mut names = BTreeMap::new();
        for record in records {
            let known = Record::read(&record_file(folder, &record.key))?;
            let name = match known {
                Some(known) if !known.is_of_same_training(record) => format!("{}-{}", record.key, record.mark()),
                _ => record.key.clone(),
            };
            names.insert(record.key.clone(), name);
        }
        for record in records {
            let mut published = record.renamed(&names);
            let path = record_file(folder, &published.key);
            // Two experiments may have tested or selected different children after one training.
            if let Some(before) = Record::read(&path)? {
                let missing = before.tested.into_iter().filter(|one| record.tested(&one.child).is_none());
                published.tested.extend(missing);
                let is_new = |name: &str| record.selected.iter().all(|own| own.name != name);
                published.selected.extend(before.selected.into_iter().filter(|one| is_new(&one.name)));
            }
            published.write(&path)?;
            self.records.insert(published.key, checksum(&path)?);
        }
        Ok(names)
    }

    /// Writes the file. Records that no result comes from any more are removed.
    ///
    /// # Errors
    /// [`ExperimentError::Write`] if the disk does not take it.
    pub fn write(&mut self, folder: &Path) -> Result<(), ExperimentError> {
        let read = |key: &str| {
            let path = record_file(folder, key);
            Record::read(&path)?.ok_or_else(|| damaged(&path, "it is missing"))
        };
        let mut used: BTreeSet<String> = self.selection.iter().flat_map(|row| row.records.clone()).collect();
        used.extend(self.selection.iter().flat_map(|row| row.supernets.clone()));
        used.extend(self.neighbours.iter().flat_map(|row| row.records.clone()));
        for entry in &mut self.experiments {
            let records = with_needs(entry.keys(), read)?;
            (entry.commit, entry.cpu_hours) = origin(&records);
            used.extend(records.into_iter().map(|record| record.key));
        }
        let unused: Vec<String> = self.records.keys().filter(|key| !used.contains(*key)).cloned().collect();
        self.records.retain(|key, _| used.contains(key));
        write_json(&folder.join("results.json"), self)?;
        for key in unused {
            // Only now: the file before may name it. One that is gone already is no fault, nor is one that stays.
            let _ = disk::change(|| std::fs::remove_file(record_file(folder, &key)));
        }
        Ok(())
    }
}

impl Entry {
    fn place(&self) -> (&str, &str, u32, u32, &str) {
        (&self.name, &self.data, self.images, self.epochs, &self.space)
    }

    /// Keeps the rows of an older entry that this one lacks. All rows of an entry have the same seeds, and a name means the
    /// same child in both.
    fn keep_rows_of(&mut self, known: &Self) -> Result<(), String> {
        let is_here = |row: &Row| self.rows.iter().any(|own| own.child == row.child && own.variant == row.variant);
        let left: Vec<Row> = known.rows.iter().filter(|row| !is_here(row)).cloned().collect();
        let is_other = |row: &Row| {
            let of_child = |one: &&Row| one.child == row.child;
            let is_known =
                |own: &Row| known.rows.iter().filter(of_child).any(|one| one.architecture == own.architecture);
            let mut own = self.rows.iter().filter(of_child).peekable();
            own.peek().is_some() && !own.any(is_known)
        };
        if let Some(row) = left.iter().find(|row| known.seeds != self.seeds || is_other(row)) {
            let Row { child, variant, .. } = row;
            return Err(format!(
                "{} of {} has {child}, {variant}, for {} seeds, which these results lack and which cannot stay beside \
                 them: run all children, variants and seeds, or take another folder",
                known.name, known.data, known.seeds
            ));
        }
        if !left.is_empty() && known.command != self.command {
            self.command = format!("{} && {}", known.command, self.command);
        }
        self.rows.extend(left);
        Ok(())
    }

    /// The names of its records, each once.
    pub(super) fn keys(&self) -> BTreeSet<&String> {
        self.rows.iter().flat_map(|row| &row.records).collect()
    }

    fn is_of_same_setting(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

/// The names of records by their keys.
fn renamed(keys: &[String], names: &BTreeMap<String, String>) -> Vec<String> {
    keys.iter().map(|key| names.get(key).unwrap_or(key).clone()).collect()
}

pub(super) fn damaged(path: &Path, problem: &str) -> ExperimentError {
    ExperimentError::Results { path: path.to_owned(), problem: problem.to_owned() }
}

pub(super) fn record_file(folder: &Path, key: &str) -> PathBuf {
    folder.join("runs").join(format!("{key}.json"))
}

pub(super) fn checksum(path: &Path) -> Result<String, ExperimentError> {
    let text = read_text(path, MAX_BYTES).map_err(|error| damaged(path, &error.to_string()))?;
    Ok(format!("{:x}", md5::compute(text)))
}
