use super::{GpuUse, Probe};
use serde::{Deserialize, Serialize};

/// The report of one epoch: a line of `train.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochReport {
    /// Epochs done.
    pub epoch: u32,
    /// Steps done.
    pub step: u64,
    /// Images seen so far, each counted once a step.
    pub images: u64,
    /// CPU seconds so far, curves included.
    pub cpu_s: f64,
    /// Wall seconds so far.
    pub wall_s: f64,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean cross entropy of the biggest child.
    pub biggest_loss: f64,
    /// Mean KL divergence of the smallest child from the biggest.
    pub smallest_divergence: f64,
    /// Images per second that the loader makes while it works beside the step; 0 in older logs.
    #[serde(default)]
    pub loader_images_per_s: f64,
    /// Images per second of the step while it does not wait for images; 0 in older logs.
    #[serde(default)]
    pub step_images_per_s: f64,
    /// Share of the steps' time in which they waited for images; 0 in older logs.
    #[serde(default)]
    pub waiting_share: f64,
    /// Accuracy of the probe children.
    pub probes: Vec<Probe>,
    /// The use of the GPU by the steps; nothing on a processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuUse>,
}

impl EpochReport {
    /// The speed of loader and step, for people.
    pub fn speed(&self) -> String {
        let gpu = self.gpu.map(|used| format!(", {used}")).unwrap_or_default();
        format!(
            "step {:.0} images/s, loader {:.0}, {:.1} % of the time waited for images{gpu}",
            self.step_images_per_s,
            self.loader_images_per_s,
            100.0 * self.waiting_share
        )
    }
}

/// The cost of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainSummary {
    /// CPU seconds, all threads.
    pub cpu_s: f64,
    /// Wall seconds.
    pub wall_s: f64,
    /// Images seen, each counted once a step.
    pub images: u64,
    /// Steps done.
    pub steps: u64,
}
