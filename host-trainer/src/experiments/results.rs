use super::record::read_json;
use super::{ExperimentError, Neighbour, Outcome, Record, SelectionEntry, SelectionRecord, selection_entries};
use crate::run_folder::write_json;
use nestling_bundle::atomic_file::read_text;
use nestling_core::metrics::MAdds;
use nestling_core::space::Child;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
    /// The sample's standard deviation, in points.
    pub top1_spread: f64,
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

    /// Takes an outcome, in the place of an older one of the same experiment and setting.
    pub fn take(&mut self, outcome: &Outcome, command: &str) {
        let Some(record) = outcome.records.first() else { return };
        let rows = outcome.cells.iter().map(|cell| {
            let [top1_mean, top1_spread] = cell.mean_and_spread();
            Row {
                child: cell.child.clone(),
                architecture: cell.architecture.clone(),
                madds: cell.madds,
                variant: cell.variant.clone(),
                top1_mean,
                top1_spread,
                records: cell.records.clone(),
            }
        });
        let mut commits: Vec<&str> = outcome.records.iter().map(|record| &*record.commit).collect();
        commits.sort_unstable();
        commits.dedup();
        let entry = Entry {
            name: outcome.experiment.name().to_owned(),
            data: record.data.clone(),
            images: record.images,
            epochs: record.epochs,
            space: outcome.space.clone(),
            seeds: outcome.seeds,
            commit: commits.join(", "),
            cpu_hours: outcome.cpu_hours(),
            command: command.to_owned(),
            rows: rows.collect(),
        };
        self.experiments.retain(|one| !one.is_of_same_setting(&entry));
        self.experiments.push(entry);
        self.experiments.sort_by(|a, b| a.place().cmp(&b.place()));
    }

    /// Takes the rows of all methods, in the place of older ones of the same data.
    pub fn take_neighbours(&mut self, rows: Vec<Neighbour>) {
        let of = |row: &Neighbour| (row.data.clone(), row.images);
        let now: Vec<_> = rows.iter().map(of).collect();
        self.neighbours.retain(|row| !now.contains(&of(row)));
        self.neighbours.extend(rows);
    }

    /// Takes selections over seeds, in the place of older ones of the same data, and writes their records.
    ///
    /// # Errors
    /// [`ExperimentError::Write`] if the disk does not take them.
    pub fn take_selections(&mut self, folder: &Path, records: &[SelectionRecord]) -> Result<(), ExperimentError> {
        let entries = selection_entries(records);
        self.selection.retain(|one| entries.iter().all(|entry| entry.data != one.data));
        self.selection.extend(entries);
        std::fs::create_dir_all(folder.join("runs")).map_err(|error| damaged(folder, &error.to_string()))?;
        for record in records {
            let path = record_file(folder, &record.key);
            write_json(&path, record)?;
            self.records.insert(record.key.clone(), checksum(&path)?);
        }
        Ok(())
    }

    /// Writes the file and the records of an outcome.
    ///
    /// # Errors
    /// [`ExperimentError::Write`] if the disk does not take them.
    pub fn write(&mut self, folder: &Path, records: &[Record]) -> Result<(), ExperimentError> {
        let runs = folder.join("runs");
        std::fs::create_dir_all(&runs).map_err(|error| damaged(&runs, &error.to_string()))?;
        for record in records {
            let path = record_file(folder, &record.key);
            if Record::read(&path)?.is_some_and(|known| !known.is_of_same_training(record)) {
                let problem = "it is of another training with the same settings, whose results would be lost; choose \
                               another --folder";
                return Err(damaged(&path, problem));
            }
            record.write(&path)?;
            self.records.insert(record.key.clone(), checksum(&path)?);
        }
        Ok(write_json(&folder.join("results.json"), self)?)
    }
}

impl Entry {
    fn place(&self) -> (&str, &str, u32, u32, &str) {
        (&self.name, &self.data, self.images, self.epochs, &self.space)
    }

    fn is_of_same_setting(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
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
