use super::ExperimentError;
use crate::run_folder::write_json;
use crate::train::EpochReport;
use nestling_bundle::atomic_file::read_text;
use nestling_core::metrics::{MAdds, Top1};
use nestling_core::space::Child;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::Path;

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

/// Reads a JSON file of at most `max_bytes`; none if there is no such file.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path, max_bytes: u64) -> Result<Option<T>, ExperimentError> {
    let damaged = |problem: String| ExperimentError::Results { path: path.to_owned(), problem };
    match read_text(path, max_bytes) {
        Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| damaged(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(damaged(error.to_string())),
    }
}
