use super::order::order_of;
use super::probes::{Probe, probe};
use super::{
    Change, Checkpoint, GpuMeter, GpuUse, Lesson, Optimiser, OptimiserState, RateSchedule, TrainConfig, TrainError,
    UpdateRule, Workers, learning_rate, resume,
};
use crate::data::Dataset;
use crate::model::{Parameters, Resizer, values_of};
use nestling_core::image::Preprocessing;
use nestling_core::space::ValidatedSpace;
use nestling_stopwatch::Stopwatch;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tch::{Device, Tensor};

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
    /// The use of the GPU by the steps; nothing on a processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<GpuUse>,
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
    preprocessing: Preprocessing,
    /// Where the first weights came from.
    from: Option<String>,
    changes: Vec<Change>,
}

/// The images of a run.
#[derive(Clone, Copy, Debug)]
pub struct TrainingData<'a> {
    /// The images to train on.
    pub images: &'a Dataset,
    /// The images for the curves and for search; the last `held_out` of the training images if there are none.
    pub held_out: Option<&'a Dataset>,
    /// How pixels become input.
    pub preprocessing: &'a Preprocessing,
}

impl TrainingData<'_> {
    /// The images that train, and those that are held out.
    ///
    /// # Errors
    /// [`TrainError`] if they are too few or do not fit the space.
    pub fn parts(&self, config: &TrainConfig, space: &ValidatedSpace) -> Result<(Dataset, Dataset), TrainError> {
        self.images.check_fits(space)?;
        let (training, held_out) = match self.held_out {
            Some(held_out) => (self.images.clone(), held_out.clone()),
            None => self.images.hold_out(config.held_out as usize)?,
        };
        if training.len() < config.batch_size as usize {
            return Err(TrainError::TooFewImages { images: training.len(), batch: config.batch_size });
        }
        Ok((training, held_out))
    }
}

/// Where a run begins.
#[derive(Clone, Debug)]
pub enum Beginning {
    /// At random values.
    Random,
    /// At trained values.
    Weights {
        /// The values, in the order of the layout.
        weights: Vec<f32>,
        /// Where they come from, for people.
        source: String,
    },
    /// Where another run stopped.
    Run(Box<Checkpoint>),
}

impl Beginning {
    /// Where the first weights came from, if they were trained.
    fn source(&self) -> Option<String> {
        match self {
            Self::Random => None,
            Self::Weights { source, .. } => Some(source.clone()),
            Self::Run(run) => run.from.clone(),
        }
    }

    fn weights(&self, space: &ValidatedSpace, seed: u64) -> Vec<f32> {
        match self {
            Self::Random => Parameters::initial_values(space, seed),
            Self::Weights { weights, .. } => weights.clone(),
            Self::Run(run) => run.weights.clone(),
        }
    }
}

/// The optimiser at the beginning, the step, and the time that was spent before.
fn start(
    beginning: &Beginning,
    config: &TrainConfig,
    parameters: &Parameters,
    device: Device,
) -> (Optimiser, u64, Spent) {
    let (mask, rates) = (parameters.decay_mask(), parameters.rates(config.body_rate));
    let Beginning::Run(run) = beginning else {
        return (Optimiser::new(config.optimiser, parameters.flat(), mask, rates), 0, Spent::default());
    };
    let tensor = |values: &Vec<f32>| Tensor::from_slice(values).to_device(device);
    let (momentum, average) = (tensor(&run.momentum), tensor(&run.average));
    let state = OptimiserState { momentum, square: run.square.as_ref().map(tensor), average };
    (Optimiser::restore(state, mask, rates), run.step, Spent { cpu_s: run.cpu_s, wall_s: run.wall_s })
}

/// Seconds that a run took before it was resumed.
#[derive(Clone, Copy, Debug, Default)]
struct Spent {
    cpu_s: f64,
    wall_s: f64,
}

impl Trainer {
    /// Starts a run, or continues one.
    ///
    /// A continued run may have other numbers of epochs and workers; [`Trainer::changes`] says what follows from that.
    ///
    /// # Errors
    /// [`TrainError`] if the configuration is wrong or not the run's, or the images are too few, not the run's, or do
    /// not fit the space.
    pub fn new(
        config: TrainConfig,
        beginning: Beginning,
        data: &TrainingData<'_>,
        device: Device,
    ) -> Result<Self, TrainError> {
        let space = config.validate()?;
        let (training, held_out) = data.parts(&config, &space)?;
        let (fingerprint, per_epoch) =
            (data.images.fingerprint()?, training.len() as u64 / u64::from(config.batch_size));
        let changes = match &beginning {
            Beginning::Run(run) if run.images.as_ref().is_some_and(|seen| *seen != fingerprint) => {
                return Err(TrainError::OtherImages);
            }
            Beginning::Run(run) => changes(run, &config, per_epoch)?,
            Beginning::Random | Beginning::Weights { .. } => Vec::new(),
        };
        let parameters = Parameters::from_values(&space, &beginning.weights(&space, config.seed), device);
        let (optimiser, step, spent_before) = start(&beginning, &config, &parameters, device);
        let (config, training) = (Arc::new(config), Arc::new(training));
        let workers = Workers::start(config.clone(), &space, &parameters, training.clone(), data.preprocessing, device);
        let resizer = Resizer::new(&space, data.preprocessing, training.side, device);
        Ok(Self {
            config,
            space,
            parameters,
            optimiser,
            workers,
            data: training,
            held_out,
            resizer,
            step,
            spent_before,
            stopwatch: Stopwatch::start(),
            images: fingerprint,
            preprocessing: data.preprocessing.clone(),
            from: beginning.source(),
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
        let order = order_of(&self.config, &self.data, epoch);
        let (mut biggest_loss, mut smallest_divergence, mut rate) = (0.0, 0.0, 0.0);
        let meter = GpuMeter::start(self.parameters.flat().device());
        for indices in order.chunks_exact(self.config.batch_size as usize) {
            rate = self.learning_rate();
            let [loss, divergence] = self.step(epoch, indices, rate)?;
            biggest_loss += loss;
            smallest_divergence += divergence;
            progress(loss);
        }
        let gpu = meter.map(|meter| meter.stop(self.steps_per_epoch() * u64::from(self.config.batch_size)));
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
            gpu,
        })
    }

    /// Trains the classifier alone for `head_epochs`, before the first step; `progress` is called after each step with
    /// the loss.
    ///
    /// # Errors
    /// As [`Trainer::epoch`].
    pub fn train_head(&mut self, mut progress: impl FnMut(f64)) -> Result<(), TrainError> {
        let config = TrainConfig { optimiser: UpdateRule::Sgd, weight_decay: 0.0, ..self.config.as_ref().clone() };
        let (mask, only_head) = (self.parameters.decay_mask(), self.parameters.rates(0.0));
        let mut optimiser = Optimiser::new(UpdateRule::Sgd, self.parameters.flat(), mask, only_head);
        let lesson = Lesson::Head(Arc::new(self.space.lower(&self.space.biggest())?));
        let rate = config.head_learning_rate;
        let mut step = 0;
        for epoch in 0..u64::from(config.head_epochs) {
            // Other views than those of the epochs to come.
            let epoch = u64::from(u32::MAX) - epoch;
            for indices in order_of(&self.config, &self.data, epoch).chunks_exact(config.batch_size as usize) {
                let outcome = self.workers.step_of(step, epoch, indices, &lesson)?;
                let loss = outcome.losses.first().copied().unwrap_or(f64::NAN);
                if !loss.is_finite() {
                    return Err(TrainError::Diverged { step, loss, rate });
                }
                optimiser.update(self.parameters.flat(), &outcome.gradient, rate, &config, step);
                step += 1;
                progress(loss);
            }
        }
        (self.optimiser, ..) =
            start(&Beginning::Random, &self.config, &self.parameters, self.parameters.flat().device());
        Ok(())
    }

    /// Steps of [`Trainer::train_head`]; none once the run has begun.
    pub fn head_steps(&self) -> u64 {
        if self.step == 0 { u64::from(self.config.head_epochs) * self.steps_per_epoch() } else { 0 }
    }

    /// The learning rate of the next step.
    fn learning_rate(&self) -> f64 {
        rate_of(&self.config, self.steps_per_epoch(), self.step)
    }

    /// One step: all children's gradients, then one update. Returns the losses of the biggest and the smallest child.
    fn step(&mut self, epoch: u64, indices: &[u32], rate: f64) -> Result<[f64; 2], TrainError> {
        let joined = self.step >= (self.config.join_epochs * self.steps_per_epoch() as f64) as u64;
        let outcome = if joined {
            self.workers.step(self.step, epoch, indices)?
        } else {
            let biggest = vec![self.space.lower(&self.space.biggest())?];
            self.workers.step_of(self.step, epoch, indices, &Lesson::Sandwich(Arc::new(biggest)))?
        };
        let [loss, ref others @ ..] = outcome.losses[..] else { return Err(TrainError::Worker) };
        // A child that is trained alone has no other to be apart from.
        let divergence = others.last().copied().unwrap_or(0.0);
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step: self.step, loss, rate });
        }
        self.optimiser.update(self.parameters.flat(), &outcome.gradient, rate, &self.config, self.step);
        self.step += 1;
        Ok([loss, divergence])
    }

    fn probe(&self) -> Result<Vec<Probe>, TrainError> {
        let device = self.parameters.flat().device();
        let weights = Parameters::from_values(&self.space, self.checkpoint().shipped_weights(), device);
        let (calibration, _) = self.data.split_at(self.config.probe_calibration as usize);
        let (held_out, _) = self.held_out.split_at(self.config.probe_images as usize);
        probe(&self.space, &weights, &self.resizer, &calibration, &held_out)
    }

    /// Everything that a run needs to continue.
    pub fn checkpoint(&self) -> Checkpoint {
        let TrainSummary { cpu_s, wall_s, .. } = self.summary();
        let OptimiserState { momentum, square, average } = self.optimiser.state();
        Checkpoint {
            config: self.config.as_ref().clone(),
            step: self.step,
            cpu_s,
            wall_s,
            images: Some(self.images.clone()),
            preprocessing: Some(self.preprocessing.clone()),
            from: self.from.clone(),
            weights: self.parameters.values(),
            momentum: values_of(&momentum),
            square: square.as_ref().map(values_of),
            average: values_of(&average),
        }
    }
}

/// The learning rate of a step.
fn rate_of(config: &TrainConfig, per_epoch: u64, step: u64) -> f64 {
    let steps = u64::from(config.epochs) * per_epoch;
    let warmup = (config.warmup_epochs * per_epoch as f64) as u64;
    let (decay_until, ending) = (config.decay_until, config.constant_ending);
    let (schedule, highest) = (config.schedule, config.learning_rate);
    learning_rate(step, &RateSchedule { schedule, steps, warmup, decay_until, ending, highest })
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
