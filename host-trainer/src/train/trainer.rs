use super::{Checkpoint, CheckpointError, Optimiser, TrainConfig, Workers, generator, learning_rate, purpose};
use crate::calibrate::calibrate;
use crate::data::Dataset;
use crate::evaluate::evaluate;
use crate::model::{ImageSizes, Parameters, values_of};
use crate::time::Clock;
use nestling_core::image::Preprocessing;
use nestling_core::metrics::Top1;
use nestling_core::space::{Child, SearchSpace, StageChoice};
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

/// What one epoch did: a line of `train.jsonl`.
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

/// What a run cost.
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

/// Why a run stopped early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] super::ConfigError),
    /// A worker died.
    #[error(transparent)]
    Worker(#[from] super::WorkerError),
    /// The checkpoint could not be read or written.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The loss is no number any more.
    #[error("the loss became {loss} at step {step}; lower `learning_rate` (now {rate})")]
    Diverged {
        /// Where.
        step: u64,
        /// What it became.
        loss: f64,
        /// The rate then.
        rate: f64,
    },
    /// The space has other classes than the images.
    #[error("`space.classes` is {space}, but the images have {images} classes")]
    Classes {
        /// Of the space.
        space: u32,
        /// Of the images.
        images: u32,
    },
    /// The dataset is too small for the configuration.
    #[error("{images} training images are fewer than one batch of {batch}; lower `batch_size` or `held_out`")]
    TooFewImages {
        /// Images after holding out.
        images: usize,
        /// Images a step.
        batch: u32,
    },
    /// The space is wrong.
    #[error(transparent)]
    Space(#[from] nestling_core::space::SpaceError),
}

/// A run: parameters, optimiser and data, one [`Trainer::epoch`] at a time.
#[derive(Debug)]
pub struct Trainer {
    config: Arc<TrainConfig>,
    parameters: Parameters,
    optimiser: Optimiser,
    workers: Workers,
    data: Arc<Dataset>,
    held_out: Dataset,
    sizes: ImageSizes,
    step: u64,
    clock: Clock,
}

impl Trainer {
    /// Starts a run, or continues `from` a checkpoint, whose configuration then counts. The last `held_out` of the
    /// training images are held out.
    ///
    /// # Errors
    /// [`TrainError`] if the configuration is wrong or the images are too few.
    pub fn new(
        config: TrainConfig,
        from: Option<Checkpoint>,
        images: &Dataset,
        preprocessing: &Preprocessing,
        device: Device,
    ) -> Result<Self, TrainError> {
        config.validate()?;
        let (training, held_out) = images.split_at(images.len().saturating_sub(config.held_out as usize));
        if images.classes != config.space.classes {
            return Err(TrainError::Classes { space: config.space.classes, images: images.classes });
        }
        if training.len() < config.batch_size as usize {
            return Err(TrainError::TooFewImages { images: training.len(), batch: config.batch_size });
        }
        let tensor = |values: &[f32]| Tensor::from_slice(values).to_device(device);
        let (parameters, restored, step, clock) = match &from {
            None => {
                let values = Parameters::initial_values(&config.space, config.seed);
                (Parameters::from_values(&config.space, &values, device), None, 0, Clock::start(0.0, 0.0))
            }
            Some(from) => {
                let restored = (tensor(&from.momentum), tensor(&from.average));
                let parameters = Parameters::from_values(&config.space, &from.weights, device);
                (parameters, Some(restored), from.step, Clock::start(from.cpu_s, from.wall_s))
            }
        };
        let mask = parameters.decay_mask();
        let optimiser = match restored {
            None => Optimiser::new(parameters.flat(), mask),
            Some((momentum, average)) => Optimiser::restore(momentum, average, mask),
        };
        let (config, data) = (Arc::new(config), Arc::new(training));
        let workers = Workers::start(config.clone(), &parameters, data.clone(), preprocessing, device);
        let sizes = ImageSizes::new(&config.space, preprocessing, data.images.width, device);
        Ok(Self { config, parameters, optimiser, workers, data, held_out, sizes, step, clock })
    }

    /// Steps of one epoch.
    pub fn steps_per_epoch(&self) -> u64 {
        self.data.len() as u64 / u64::from(self.config.batch_size)
    }

    /// Epochs done.
    pub fn epochs_done(&self) -> u32 {
        (self.step / self.steps_per_epoch()) as u32
    }

    /// The configuration.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// What the run has cost so far.
    pub fn summary(&self) -> TrainSummary {
        let (cpu_s, wall_s) = self.clock.elapsed();
        TrainSummary { cpu_s, wall_s, images: self.step * u64::from(self.config.batch_size), steps: self.step }
    }

    /// Runs one epoch; `progress` is called after each step with the biggest child's loss.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss is no number, [`TrainError::Worker`] if a thread died.
    pub fn epoch(&mut self, mut progress: impl FnMut(f64)) -> Result<EpochReport, TrainError> {
        let epoch = self.step / self.steps_per_epoch();
        let mut order: Vec<u32> = (0..self.data.len() as u32).collect();
        order.shuffle(&mut generator(self.config.seed, purpose::ORDER, epoch));
        let config = self.config.clone();
        let steps = u64::from(config.epochs) * self.steps_per_epoch();
        let warmup = (config.warmup_epochs * self.steps_per_epoch() as f64) as u64;
        let (mut biggest, mut smallest, mut rate) = (0.0, 0.0, 0.0);
        for indices in order.chunks_exact(config.batch_size as usize) {
            let outcome = self.workers.step(self.step, epoch, indices)?;
            rate = learning_rate(
                self.step,
                steps,
                warmup,
                config.decay_until,
                config.constant_ending,
                config.learning_rate,
            );
            let loss = outcome.losses[0].loss;
            if !loss.is_finite() {
                return Err(TrainError::Diverged { step: self.step, loss, rate });
            }
            self.optimiser.update(self.parameters.flat(), &outcome.gradient, rate, &config, self.step);
            biggest += loss;
            smallest += outcome.losses.last().map_or(0.0, |loss| loss.loss);
            self.step += 1;
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
            biggest_loss: biggest / count,
            smallest_divergence: smallest / count,
            probes,
        })
    }

    /// Everything needed to continue.
    pub fn checkpoint(&self) -> Checkpoint {
        let (cpu_s, wall_s) = self.clock.elapsed();
        Checkpoint {
            config: self.config.as_ref().clone(),
            step: self.step,
            cpu_s,
            wall_s,
            weights: self.parameters.values(),
            momentum: values_of(self.optimiser.momentum()),
            average: values_of(self.optimiser.average()),
        }
    }

    fn probe(&self) -> Result<Vec<Probe>, TrainError> {
        let device = self.parameters.flat().device();
        let space = &self.config.space;
        let weights = Parameters::from_values(space, self.checkpoint().shipped_weights(), device);
        let (calibration, _) = self.data.split_at(self.config.probe_calibration as usize);
        let (held_out, _) = self.held_out.split_at(self.config.probe_images as usize);
        let children = [("smallest", space.smallest()), ("middle", middle(space)), ("biggest", space.biggest())];
        children
            .into_iter()
            .map(|(name, child)| {
                let network = space.lower(&child)?;
                let calibrated = calibrate(&network, &weights, &self.sizes, &calibration, 256)?;
                let held_out = evaluate(&calibrated, &network, &weights, &self.sizes, &held_out, 256);
                Ok(Probe { name: name.to_owned(), child, held_out })
            })
            .collect()
    }
}

/// The child that chooses the middle of everything.
pub(crate) fn middle(space: &SearchSpace) -> Child {
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
