use super::{Change, Checkpoint, Optimiser, TrainConfig, TrainError, Workers, learning_rate, resume};
use crate::calibrate::calibrate;
use crate::data::Dataset;
use crate::evaluate::evaluate;
use crate::model::{Parameters, Resizer, values_of};
use crate::random::{Purpose, generator};
use nestling_core::image::Preprocessing;
use nestling_core::metrics::Top1;
use nestling_core::space::{Child, SearchSpace, StageChoice, ValidatedSpace};
use nestling_stopwatch::Stopwatch;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tch::{Device, Tensor};

/// A child whose accuracy is followed through a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// `smallest`, `middle` or `biggest`.
    pub name: String,
    /// The child.
    pub child: Child,
    /// Right answers on held-out images, with the averaged weights.
    pub held_out: Top1,
}

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
    /// Accuracy of the followed children.
    pub probes: Vec<Probe>,
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

/// A run: parameters, optimiser and data, one [`Trainer::epoch`] at a time.
#[derive(Debug)]
pub struct Trainer {
    config: Arc<TrainConfig>,
    space: ValidatedSpace,
    parameters: Parameters,
    optimiser: Optimiser,
    workers: Workers,
    data: Arc<Dataset>,
    held_out: Dataset,
    resizer: Resizer,
    step: u64,
    spent_before: Spent,
    stopwatch: Stopwatch,
    /// Identity of all images, those that are held out included.
    images: String,
    changes: Vec<Change>,
}

/// Seconds that a run took before it was resumed.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    cpu_s: f64,
    wall_s: f64,
}

impl Trainer {
    /// Starts a run, or continues `from` a checkpoint. The last `held_out` of the training images are held out.
    ///
    /// A continued run may have other numbers of epochs and workers; [`Trainer::changes`] says what follows from that.
    ///
    /// # Errors
    /// [`TrainError`] if the configuration is wrong or not the run's, or the images are too few, not the run's, or do
    /// not fit the space.
    pub fn new(
        config: TrainConfig,
        from: Option<Checkpoint>,
        images: &Dataset,
        preprocessing: &Preprocessing,
        device: Device,
    ) -> Result<Self, TrainError> {
        let space = config.validate()?;
        images.check_fits(&space)?;
        let (training, held_out) = images.hold_out(config.held_out as usize)?;
        if training.len() < config.batch_size as usize {
            return Err(TrainError::TooFewImages { images: training.len(), batch: config.batch_size });
        }
        let (fingerprint, per_epoch) = (images.fingerprint()?, training.len() as u64 / u64::from(config.batch_size));
        let changes = match &from {
            Some(from) if from.images.as_ref().is_some_and(|seen| *seen != fingerprint) => {
                return Err(TrainError::OtherImages);
            }
            Some(from) => changes(from, &config, per_epoch)?,
            None => Vec::new(),
        };
        let initial = || Parameters::initial_values(&space, config.seed);
        let values = from.as_ref().map_or_else(initial, |from| from.weights.clone());
        let parameters = Parameters::from_values(&space, &values, device);
        let mask = parameters.decay_mask();
        let tensor = |values: &[f32]| Tensor::from_slice(values).to_device(device);
        let (optimiser, step, spent_before) = match &from {
            None => (Optimiser::new(parameters.flat(), mask), 0, Spent::default()),
            Some(from) => {
                let optimiser = Optimiser::restore(tensor(&from.momentum), tensor(&from.average), mask);
                (optimiser, from.step, Spent { cpu_s: from.cpu_s, wall_s: from.wall_s })
            }
        };
        let (config, data) = (Arc::new(config), Arc::new(training));
        let workers = Workers::start(config.clone(), &space, &parameters, data.clone(), preprocessing, device);
        let resizer = Resizer::new(&space, preprocessing, data.side, device);
        let stopwatch = Stopwatch::start();
        Ok(Self {
            config,
            space,
            parameters,
            optimiser,
            workers,
            data,
            held_out,
            resizer,
            step,
            spent_before,
            stopwatch,
            images: fingerprint,
            changes,
        })
    }

    /// Steps of one epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.data.len() as u64 / u64::from(self.config.batch_size)
    }

    /// Epochs done.
    pub fn epochs_done(&self) -> u32 {
        (self.step / self.steps_per_epoch()) as u32
    }

    /// The values that changed since the run was stopped, and the consequences.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The configuration.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// The cost of the run so far.
    pub fn summary(&self) -> TrainSummary {
        let (elapsed, before) = (self.stopwatch.elapsed(), self.spent_before);
        TrainSummary {
            cpu_s: before.cpu_s + elapsed.cpu_s(),
            wall_s: before.wall_s + elapsed.wall_s(),
            images: self.step * u64::from(self.config.batch_size),
            steps: self.step,
        }
    }

    /// Runs one epoch; `progress` is called after each step with the biggest child's loss.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss is not finite, [`TrainError::Worker`] if a thread has ended.
    pub fn epoch(&mut self, mut progress: impl FnMut(f64)) -> Result<EpochReport, TrainError> {
        let epoch = self.step / self.steps_per_epoch();
        let mut order: Vec<u32> = (0..self.data.len() as u32).collect();
        order.shuffle(&mut generator(self.config.seed, Purpose::Order, epoch));
        let (mut biggest_loss, mut smallest_divergence, mut rate) = (0.0, 0.0, 0.0);
        for indices in order.chunks_exact(self.config.batch_size as usize) {
            rate = self.learning_rate();
            let [loss, divergence] = self.step(epoch, indices, rate)?;
            biggest_loss += loss;
            smallest_divergence += divergence;
            progress(loss);
        }
        let probes = self.probe()?;
        let TrainSummary { cpu_s, wall_s, images, steps } = self.summary();
        let count = self.steps_per_epoch() as f64;
        Ok(EpochReport {
            epoch: epoch as u32 + 1,
            step: steps,
            images,
            cpu_s,
            wall_s,
            learning_rate: rate,
            biggest_loss: biggest_loss / count,
            smallest_divergence: smallest_divergence / count,
            probes,
        })
    }

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f64 {
        rate_of(&self.config, self.steps_per_epoch(), self.step)
    }

    /// One step: all children's gradients, then one update. Returns the losses of the biggest and the smallest child.
    fn step(&mut self, epoch: u64, indices: &[u32], rate: f64) -> Result<[f64; 2], TrainError> {
        let outcome = self.workers.step(self.step, epoch, indices)?;
        let [loss, .., divergence] = outcome.losses[..] else { return Err(TrainError::Worker) };
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step: self.step, loss, rate });
        }
        self.optimiser.update(self.parameters.flat(), &outcome.gradient, rate, &self.config, self.step);
        self.step += 1;
        Ok([loss, divergence])
    }

    /// Everything that a run needs to continue.
    pub fn checkpoint(&self) -> Checkpoint {
        let TrainSummary { cpu_s, wall_s, .. } = self.summary();
        Checkpoint {
            config: self.config.as_ref().clone(),
            step: self.step,
            cpu_s,
            wall_s,
            images: Some(self.images.clone()),
            weights: self.parameters.values(),
            momentum: values_of(self.optimiser.momentum()),
            average: values_of(self.optimiser.average()),
        }
    }

    fn probe(&self) -> Result<Vec<Probe>, TrainError> {
        let device = self.parameters.flat().device();
        let space = &self.space;
        let weights = Parameters::from_values(space, self.checkpoint().shipped_weights(), device);
        let (calibration, _) = self.data.split_at(self.config.probe_calibration as usize);
        let (held_out, _) = self.held_out.split_at(self.config.probe_images as usize);
        let children = [("smallest", space.smallest()), ("middle", middle(space)), ("biggest", space.biggest())];
        children
            .into_iter()
            .map(|(name, child)| {
                let network = space.lower(&child)?;
                let calibrated = calibrate(&network, &weights, &self.resizer, &calibration, 256)?;
                let held_out = evaluate(&calibrated, &network, &weights, &self.resizer, &held_out, 256)?;
                Ok(Probe { name: name.to_owned(), child, held_out })
            })
            .collect()
    }
}

/// The learning rate of a step.
fn rate_of(config: &TrainConfig, per_epoch: u64, step: u64) -> f64 {
    let steps = u64::from(config.epochs) * per_epoch;
    let warmup = (config.warmup_epochs * per_epoch as f64) as u64;
    learning_rate(step, steps, warmup, config.decay_until, config.constant_ending, config.learning_rate)
}

/// Checks that a run can go on with `now`; returns the values that change.
fn changes(from: &Checkpoint, now: &TrainConfig, per_epoch: u64) -> Result<Vec<Change>, TrainError> {
    let run = &from.config;
    resume::check(run, now, (from.step / per_epoch) as u32)?;
    let epochs = (run.epochs != now.epochs).then(|| Change::Epochs {
        run: run.epochs,
        now: now.epochs,
        last_rate: rate_of(run, per_epoch, from.step.saturating_sub(1)),
        next_rate: rate_of(now, per_epoch, from.step),
    });
    let workers = (run.workers != now.workers).then_some(Change::Workers {
        run: run.workers,
        now: now.workers,
        batch: now.batch_size,
    });
    Ok(epochs.into_iter().chain(workers).collect())
}

/// The child with the middle choice of every dimension.
fn middle(space: &SearchSpace) -> Child {
    fn pick<T: Copy>(list: &[T]) -> T {
        list[list.len() / 2]
    }
    Child {
        resolution: pick(&space.resolutions),
        stem_width: pick(&space.stem.widths),
        stages: (space.stages.iter())
            .map(|stage| StageChoice {
                width: pick(&stage.widths),
                depth: pick(&stage.depths),
                kernel: stage.kernels[0],
                expand_ratio: pick(&stage.expand_ratios),
            })
            .collect(),
        head_width: space.head.as_ref().map(|head| pick(&head.widths)),
    }
}
