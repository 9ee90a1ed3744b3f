use super::EventFile;
use crate::train::{EpochReport, StepReport};
use std::io;

/// Steps from one event to the next within an epoch.
pub const STEPS_BETWEEN: u64 = 20;

/// Writes the values of a training as it goes on.
///
/// | tag | value | when |
/// | --- | --- | --- |
/// | `step/loss` | mean loss of the biggest child since the epoch's last such event | every [`STEPS_BETWEEN`] steps |
/// | `step/learning_rate` | learning rate of that step | every [`STEPS_BETWEEN`] steps |
/// | `epoch/biggest_loss`, `epoch/smallest_divergence` | means over the epoch | after each epoch |
/// | `epoch/learning_rate` | learning rate of the last step | after each epoch |
/// | `epoch/images_per_s` | images of the epoch over the seconds of its steps | after each epoch |
/// | `epoch/waiting_percent` | share of these seconds in which the step waited for images | after each epoch |
/// | `held_out_top1/NAME` | accuracy of a probe child in percent | after each epoch |
#[derive(Debug)]
pub struct Curves {
    file: EventFile,
    /// Sum and number of the losses that no event holds yet.
    losses: (f64, u32),
}

impl Curves {
    /// Writes to this file.
    pub fn new(file: EventFile) -> Self {
        Self { file, losses: (0.0, 0) }
    }

    /// Adds a step.
    ///
    /// # Errors
    /// The system's.
    pub fn step(&mut self, step: &StepReport) -> io::Result<()> {
        self.losses = (self.losses.0 + step.loss, self.losses.1 + 1);
        if !step.step.is_multiple_of(STEPS_BETWEEN) {
            return Ok(());
        }
        let (sum, count) = std::mem::take(&mut self.losses);
        let values = [("step/loss", sum / f64::from(count)), ("step/learning_rate", step.learning_rate)];
        self.file.write_scalars(step.step, values)
    }

    /// Adds an epoch whose steps trained on so many images a second.
    ///
    /// # Errors
    /// The system's.
    pub fn epoch(&mut self, epoch: &EpochReport, images_per_s: f64) -> io::Result<()> {
        // A run that was stopped here begins anew as well.
        self.losses = (0.0, 0);
        let tags: Vec<String> = epoch.probes.iter().map(|probe| format!("held_out_top1/{}", probe.name)).collect();
        let probes = tags.iter().map(String::as_str).zip(epoch.probes.iter().map(|probe| probe.held_out.percent()));
        let own = [
            ("epoch/biggest_loss", epoch.biggest_loss),
            ("epoch/smallest_divergence", epoch.smallest_divergence),
            ("epoch/learning_rate", epoch.learning_rate),
            ("epoch/images_per_s", images_per_s),
            ("epoch/waiting_percent", 100.0 * epoch.waiting_share),
        ];
        self.file.write_scalars(epoch.step, own.into_iter().chain(probes))
    }
}
