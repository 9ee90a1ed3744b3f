use super::samples::{Sample, read_samples};
use crate::data::Dataset;
use crate::parity::ParityReport;
use crate::run_folder::{RunError, RunFolder, Step, read_json};
use crate::search::SearchReport;
use crate::train::{EpochReport, TrainSummary};
use nestling_bundle::{ChildTimes, DeviceProfile};
use nestling_core::latency::DeviceKey;
use nestling_lab::audit::SwitchAudit;
use nestling_lab::documents::ChosenChild;
use serde::Deserialize;
use std::path::Path;

/// Everything that the page shows.
#[derive(Clone, Debug)]
pub struct Demo {
    /// `summary.json`.
    pub summary: Summary,
    /// Shipped children that were timed whole, from `device-profile.json`.
    pub times: Vec<ChildTimes>,
    /// `run/train.jsonl`.
    pub epochs: Vec<EpochReport>,
    /// `run/search.json`.
    pub search: SearchReport,
    /// Classified test images; empty if the demo classified none.
    pub samples: Vec<Sample>,
}

/// The documents of the demo's steps, as `summary.json` holds them. A step that was left out leaves its part out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Cost of the training.
    pub train: Option<TrainSummary>,
    /// The device that ran the bundle.
    pub device: Option<DeviceKey>,
    /// The children that were chosen for budgets.
    pub budgets: Vec<ChosenChild>,
    /// Cost of all random switches together.
    pub switch: Option<SwitchAudit>,
    /// Device against trainer.
    pub parity: Option<ParityReport>,
}

impl Demo {
    /// Reads the files of a demo. `test` holds the test images; without them the page shows no samples.
    ///
    /// # Errors
    /// [`RunError`] names the file that is missing or damaged.
    pub fn read(folder: &Path, test: Option<&Dataset>) -> Result<Self, RunError> {
        let summary = read_json(&folder.join("summary.json"), Step::Demo)?;
        let profile = folder.join("device-profile.json");
        if !profile.exists() {
            return Err(RunError::Missing { path: profile, step: Step::Demo });
        }
        let times = DeviceProfile::load(&profile)?.children;
        let run = RunFolder::open(&folder.join("run"));
        let search = run.searched()?;
        if search.shipped().count() != search.chosen.len() {
            let path = folder.join("run/search.json");
            return Err(RunError::Damaged { path, problem: "a chosen child is not among the evaluated".to_owned() });
        }
        let epochs = run.epochs(u64::MAX)?;
        let samples = test.map(|test| read_samples(folder, test)).transpose()?.unwrap_or_default();
        Ok(Self { summary, times, epochs, search, samples })
    }

    /// The times of the shipped child called `name`, if it was timed whole.
    pub(super) fn times_of(&self, name: &str) -> Option<&ChildTimes> {
        times_of(&self.times, name)
    }
}

/// The times of the shipped child called `name`, if it was timed whole.
pub(super) fn times_of<'a>(all: &'a [ChildTimes], name: &str) -> Option<&'a ChildTimes> {
    all.iter().find(|times| times.name.as_deref() == Some(name))
}
