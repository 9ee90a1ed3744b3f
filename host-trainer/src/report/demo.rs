use crate::run_folder::{RunError, RunFolder, SearchReport, read_json};
use crate::train::EpochReport;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// What makes the files of a demo.
const COMMAND: &str = "cargo xtask demo";

/// All that the page shows.
#[derive(Clone, Debug)]
pub struct Demo {
    /// `summary.json`.
    pub summary: Summary,
    /// Children that were timed whole, from `profile.json`.
    pub times: Vec<Times>,
    /// `run/train.jsonl`.
    pub epochs: Vec<EpochReport>,
    /// `run/search.json`.
    pub search: SearchReport,
    /// `samples.json`; empty without that file.
    pub samples: Vec<Sample>,
}

/// `summary.json`. A step that was left out leaves its part out; the page then says less.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// What training cost.
    pub train: Option<Train>,
    /// The children of the bundle.
    pub children: Vec<Shipped>,
    /// Where the bundle was run.
    pub device: Option<Device>,
    /// The children that were chosen for budgets.
    pub budgets: Vec<Budget>,
    /// What random switches cost, all together.
    pub switch: Option<Switch>,
    /// Device against trainer.
    pub parity: Option<Parity>,
}

/// What training cost.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Train {
    /// CPU seconds, all threads.
    pub cpu_s: Option<f64>,
    /// Wall seconds.
    pub wall_s: Option<f64>,
    /// Images seen, each counted once a step.
    pub images: Option<f64>,
    /// Steps done.
    pub steps: Option<f64>,
}

/// A child of the bundle.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Shipped {
    /// Its name in the bundle.
    pub name: String,
    /// The child as text.
    pub child: String,
    /// Parameters.
    pub params: Option<f64>,
    /// Multiply-accumulates of one image.
    pub madds: Option<f64>,
    /// Percent right of the test images.
    pub test_top1: Option<f64>,
    /// Percent right of the held-out images.
    pub held_out_top1: Option<f64>,
}

/// Where the bundle was run.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Device {
    /// Name of the adapter.
    pub adapter: String,
    /// Vulkan, Metal, ...
    pub backend: String,
    /// Of storage and arithmetic.
    pub precision: String,
}

/// The child that was chosen for a budget.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// At most so many milliseconds.
    pub budget_ms: f64,
    /// At which quantile the budget is to hold: `p50` or `p90`.
    pub quantile: Option<String>,
    /// Name of the child in the bundle.
    pub name: String,
    /// The child as text.
    pub child: String,
    /// What the table predicted.
    pub predicted_ms: Option<f64>,
    /// Median of the runs.
    pub measured_p50_ms: Option<f64>,
    /// Nine runs of ten took at most this.
    pub measured_p90_ms: Option<f64>,
    /// Percent right of the test images.
    pub top1: Option<f64>,
    /// Multiply-accumulates of one image.
    pub madds: Option<f64>,
    /// Parameters.
    pub params: Option<f64>,
    /// Microseconds that switching to it took.
    pub switch_us: Option<f64>,
}

/// What random switches cost, all together.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Switch {
    /// Bytes of weights uploaded.
    pub weight_bytes: Option<f64>,
    /// GPU buffers made.
    pub buffers: Option<f64>,
    /// Bind groups made.
    pub bind_groups: Option<f64>,
    /// Pipelines made.
    pub pipelines: Option<f64>,
    /// How many switches.
    pub switches: Option<f64>,
}

/// Device against trainer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Parity {
    /// Children compared.
    pub children: Option<f64>,
    /// Images a child.
    pub images: Option<f64>,
    /// Largest relative error of a logit against the trainer.
    pub max_relative_error: Option<f64>,
    /// Largest relative error of a logit against the f64 reference.
    pub max_relative_error_to_reference: Option<f64>,
    /// Share of images that both put in the same class, from 0 to 1.
    pub top1_agreement: Option<f64>,
}

/// A child that was timed whole.
#[derive(Clone, Debug, Deserialize)]
pub struct Times {
    /// Its name in the bundle.
    pub name: String,
    /// The child as text.
    pub child: String,
    /// What the table predicts.
    pub predicted_ms: f64,
    /// Median of the runs.
    pub measured_p50_ms: f64,
    /// Nine runs of ten took at most this.
    pub measured_p90_ms: f64,
}

/// A test image and what the chosen children say about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Grey values from 0 to 255, row by row.
    pub pixels: Vec<f32>,
    /// Pixels a row.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// What it is.
    pub label: String,
    /// One answer a budget.
    pub answers: Vec<Answer>,
}

/// What a child says about an image.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
    /// Name of the child in the bundle.
    pub name: String,
    /// The most probable class.
    pub label: String,
    /// Its probability, from 0 to 1.
    pub probability: f64,
}

#[derive(Deserialize)]
struct Profile {
    children: Vec<Times>,
}

#[derive(Deserialize)]
struct Samples {
    images: Vec<Sample>,
}

impl Demo {
    /// Reads the files of a demo.
    ///
    /// # Errors
    /// [`RunError::Missing`] or [`RunError::Damaged`], with the file and what makes it. Only `samples.json` may be
    /// missing.
    pub fn read(folder: &Path) -> Result<Self, RunError> {
        let summary = read_json(&folder.join("summary.json"), COMMAND)?;
        let profile: Profile = read_json(&folder.join("profile.json"), COMMAND)?;
        let run = RunFolder::open(&folder.join("run"));
        let search = run.searched()?;
        let path = folder.join("run/search.json");
        if search.chosen.iter().any(|chosen| chosen.index >= search.evaluated.len()) {
            return Err(RunError::Damaged { path, problem: "a chosen child is not among the evaluated".to_owned() });
        }
        let epochs = run.epochs(u64::MAX)?;
        let samples = samples(&folder.join("samples.json"))?;
        Ok(Self { summary, times: profile.children, epochs, search, samples })
    }
}

fn samples(path: &Path) -> Result<Vec<Sample>, RunError> {
    let images = match read_json::<Samples>(path, COMMAND) {
        Ok(samples) => samples.images,
        Err(RunError::Missing { .. }) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    for (index, Sample { pixels, width, height, .. }) in images.iter().enumerate() {
        let expected = u64::from(*width) * u64::from(*height);
        if expected == 0 || pixels.len() as u64 != expected {
            let problem = format!("image {index} has {} pixels, not {width} x {height}", pixels.len());
            return Err(RunError::Damaged { path: path.to_owned(), problem });
        }
    }
    Ok(images)
}
