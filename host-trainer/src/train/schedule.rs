use super::TrainConfig;
use serde::{Deserialize, Serialize};

/// How the learning rate falls after a linear warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Schedule {
    /// Exponentially to the constant ending, and stays there (BigNAS, convergence behaviour).
    #[default]
    Exponential,
    /// Half a cosine to the constant ending at the last step (Loshchilov and Hutter, 2017).
    Cosine,
}

/// The numbers of a schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateSchedule {
    /// The form.
    pub schedule: Schedule,
    /// All steps.
    pub steps: u64,
    /// Steps of the warm-up.
    pub warmup: u64,
    /// Share of the steps after which the ending begins; a cosine takes all.
    pub decay_until: f64,
    /// The constant ending, as a share of the highest rate.
    pub ending: f64,
    /// The highest rate.
    pub highest: f64,
}

impl RateSchedule {
    /// The schedule of a run with so many steps an epoch.
    pub fn new(config: &TrainConfig, steps_per_epoch: u64) -> Self {
        Self {
            schedule: config.schedule,
            steps: u64::from(config.epochs) * steps_per_epoch,
            warmup: (config.warmup_epochs * steps_per_epoch as f64) as u64,
            decay_until: config.decay_until,
            ending: config.constant_ending,
            highest: config.learning_rate,
        }
    }

    /// The first step at the constant ending; none if the run ends before, or if the rate falls to its last step.
    ///
    /// ```
    /// use nestling_train::train::{RateSchedule, Schedule};
    /// let schedule = Schedule::Exponential;
    /// let of = RateSchedule { schedule, steps: 1000, warmup: 100, decay_until: 0.5, ending: 0.05, highest: 0.2 };
    /// assert_eq!(of.ending_step(), Some(500));
    /// assert_eq!(RateSchedule { decay_until: 1.0, ..of }.ending_step(), None);
    /// ```
    pub fn ending_step(&self) -> Option<u64> {
        let last = self.decay_until * self.steps as f64;
        // A decay takes a step at least, as in `learning_rate`.
        let first = last.max(self.warmup as f64 + 1.0).ceil() as u64;
        (self.schedule == Schedule::Exponential && first < self.steps).then_some(first)
    }
}

/// The learning rate of a step.
///
/// ```
/// use nestling_train::train::{RateSchedule, Schedule, learning_rate};
/// let schedule = Schedule::Exponential;
/// let of = RateSchedule { schedule, steps: 1000, warmup: 100, decay_until: 0.5, ending: 0.05, highest: 0.2 };
/// let rate = |step| learning_rate(step, &of);
/// assert!((rate(49) - 0.1).abs() < 1e-12); // half way through the warm-up
/// assert!((rate(500) - 0.01).abs() < 1e-12 && rate(501) == rate(999));
/// let cosine = RateSchedule { schedule: Schedule::Cosine, ending: 0.0, ..of };
/// assert!((learning_rate(550, &cosine) - 0.1).abs() < 1e-12 && learning_rate(1000, &cosine) < 1e-12);
/// ```
pub fn learning_rate(step: u64, of: &RateSchedule) -> f64 {
    let &RateSchedule { schedule, steps, warmup, decay_until, ending, highest } = of;
    if step < warmup {
        return highest * (step + 1) as f64 / warmup as f64;
    }
    let last = match schedule {
        Schedule::Exponential => decay_until * steps as f64,
        Schedule::Cosine => steps as f64,
    };
    let progress = ((step - warmup) as f64 / (last - warmup as f64).max(1.0)).min(1.0);
    match schedule {
        Schedule::Exponential => highest * ending.powf(progress),
        Schedule::Cosine => {
            let share = 0.5 * (1.0 + (std::f64::consts::PI * progress).cos());
            highest * (ending + (1.0 - ending) * share)
        }
    }
}
