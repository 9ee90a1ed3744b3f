use super::ExperimentError;
use crate::run_folder::write_json;
use crate::train::EpochReport;
use nestling_bundle::atomic_file::read_text;
use nestling_core::metrics::{MAdds, Top1};
use nestling_core::space::Child;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::Path;

/// Before the key of a training in a record's settings: that which has its first weights.
pub(super) const START: &str = "start: ";
/// The same for the training that it learns from.
pub(super) const TEACHER: &str = "teacher: ";
const NEEDS: [&str; 2] = [START, TEACHER];

/// Most bytes of a record.
const MAX_BYTES: u64 = 16 << 20;

/// The part of a training that is kept: a file of some kilobytes that every result can be traced to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`Training::key`](super::Training::key).
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its seed.
    pub seed: u64,
    /// The data set.
    pub data: String,
    /// Images to train on.
    pub images: u32,
    /// Passes over them.
    pub epochs: u32,
    /// The version of the code.
    pub commit: String,
    /// The command that trained it.
    pub command: String,
    /// The keys of its configuration that differ from the demo's recipe, each as `key = value`; the space is left out.
    pub settings: Vec<String>,
    /// [`Dataset::fingerprint`](crate::data::Dataset::fingerprint) of the training images.
    pub data_fingerprint: String,
    /// CPU-seconds of the training, curves included.
    pub train_cpu_s: f64,
    /// CPU-seconds of the tests.
    pub test_cpu_s: f64,
    /// The followed children after each epoch.
    pub curve: Vec<CurvePoint>,
    /// Children on the test images.
    pub tested: Vec<TestedChild>,
    /// Children that were selected after the training.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub selected: Vec<SelectedChild>,
}

/// A child that was selected after the training by its accuracy on validation images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelectedChild {
    /// A name for it.
    pub name: String,
    /// The child.
    pub child: Child,
    /// Children that were evaluated for it.
    pub evaluated: usize,
    /// CPU-seconds of that.
    pub cpu_s: f64,
}

/// Accuracy of the followed children after an epoch, on validation images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CurvePoint {
    /// Epochs done.
    pub epoch: u32,
    /// CPU-seconds so far.
    pub cpu_s: f64,
    /// The learning rate of the last step.
    pub learning_rate: f64,
    /// Name and top-1 in percent of each.
    pub top1: Vec<(String, f64)>,
}

impl CurvePoint {
    pub(super) fn of(epoch: &EpochReport) -> Self {
        let top1 = epoch.probes.iter().map(|probe| (probe.name.clone(), probe.held_out.percent())).collect();
        let EpochReport { epoch, cpu_s, learning_rate, .. } = *epoch;
        Self { epoch, cpu_s, learning_rate, top1 }
    }
}

/// A child on the test images, calibrated on training images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestedChild {
    /// The child.
    pub child: Child,
    /// Its multiply-adds.
    pub madds: MAdds,
    /// Its parameters.
    pub params: u64,
    /// Right answers.
    pub top1: Top1,
}

impl Record {
    /// Reads a record; none if there is no such file.
    ///
    /// # Errors
    /// [`ExperimentError::Results`] if it is damaged.
    pub fn read(path: &Path) -> Result<Option<Self>, ExperimentError> {
        read_json(path, MAX_BYTES)
    }

    /// Whether another record is of the same training, and not of one with the same settings on another machine.
    pub(super) fn is_of_same_training(&self, other: &Self) -> bool {
        let curve = |record: &Self| record.curve.iter().map(|point| point.top1.clone()).collect::<Vec<_>>();
        self.key == other.key && curve(self) == curve(other)
    }

    /// Six digits that tell it from a training with the same settings on another machine.
    pub(super) fn mark(&self) -> String {
        let curve: Vec<_> = self.curve.iter().map(|point| &point.top1).collect();
        format!("{:.6}", format!("{:x}", md5::compute(format!("{curve:?}"))))
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// [`ExperimentError::Write`] if the disk does not take it.
    pub fn write(&self, path: &Path) -> Result<(), ExperimentError> {
        Ok(write_json(path, self)?)
    }

    /// The keys of the trainings that it started or learned from.
    pub(super) fn needs(&self) -> impl Iterator<Item = &str> {
        self.settings.iter().filter_map(|setting| NEEDS.into_iter().find_map(|prefix| setting.strip_prefix(prefix)))
    }

    /// The record under the names by which it and the trainings that it needs are published.
    pub(super) fn renamed(&self, names: &BTreeMap<String, String>) -> Self {
        let name = |key: &str| names.get(key).map_or(key, String::as_str).to_owned();
        let setting = |setting: &String| match NEEDS.into_iter().find(|prefix| setting.starts_with(prefix)) {
            Some(prefix) => format!("{prefix}{}", name(&setting[prefix.len()..])),
            None => setting.clone(),
        };
        let settings = self.settings.iter().map(setting).collect();
        Self { key: name(&self.key), settings, ..self.clone() }
    }

    /// The tested child.
    pub fn tested(&self, child: &Child) -> Option<&TestedChild> {
        self.tested.iter().find(|one| one.child == *child)
    }
}

/// The versions of the code that made records, and the CPU-hours of their trainings and tests.
pub(super) fn origin<'a>(records: impl IntoIterator<Item = &'a Record>) -> (String, f64) {
    let (mut commits, mut cpu_s) = (BTreeSet::new(), 0.0);
    for record in records {
        cpu_s += record.train_cpu_s + record.test_cpu_s;
        commits.insert(&*record.commit);
    }
    (commits.into_iter().collect::<Vec<_>>().join(", "), cpu_s / 3600.0)
}

/// The records of some keys, each once, followed by those of the trainings that they started or learned from.
pub(super) fn with_needs<'a>(
    keys: impl IntoIterator<Item = &'a String>,
    read: impl Fn(&str) -> Result<Record, ExperimentError>,
) -> Result<Vec<Record>, ExperimentError> {
    let (mut records, mut known) = (Vec::new(), BTreeSet::new());
    let mut open: VecDeque<String> = keys.into_iter().cloned().collect();
    while let Some(key) = open.pop_front() {
        if known.insert(key.clone()) {
            let record = read(&key)?;
            open.extend(record.needs().map(str::to_owned));
            records.push(record);
        }
    }
    Ok(records)
}

/// Reads a JSON file of at most `max_bytes`; none if there is no such file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path, max_bytes: u64) -> Result<Option<T>, ExperimentError> {
    let damaged = |problem: String| ExperimentError::Results { path: path.to_owned(), problem };
    match read_text(path, max_bytes) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| damaged(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(damaged(error.to_string())),
    }
}
