use super::beginning::{Spent, start};
use super::method_progress::{MethodProgress, Moment};
use super::order::{order_of, part_of_rank};
use super::probes::{Followed, Probe, probe};
use super::{
    Batches, Beginning, Best, Change, Checkpoint, EpochReport, GpuMeter, Lesson, LoadedBatch, Loader, Optimiser,
    OptimiserState, RateSchedule, StepReport, Teacher, TrainConfig, TrainError, TrainSummary, TrainingData, UpdateRule,
    Workers, learning_rate, mean_accuracy, resume,
};
use crate::data::{Dataset, SplitRule};
use crate::model::{Extras, Parameters, Resizer, values_of};
use crate::ranks::{RankError, Ranks};
use nestling_core::image::Preprocessing;
use nestling_core::space::ValidatedSpace;
use nestling_stopwatch::Stopwatch;
use std::sync::Arc;
use tch::{Device, Tensor, no_grad};

/// A run: parameters, optimiser and data, one [`Trainer::epoch`] at a time.
#[derive(Debug)]
pub struct Trainer {
    config: Arc<TrainConfig>,
    space: ValidatedSpace,
    extras: Extras,
    method: MethodProgress,
    parameters: Parameters,
    optimiser: Optimiser,
    workers: Workers,
    loader: Loader,
    data: Arc<Dataset>,
    ranks: Arc<Ranks>,
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
    /// How the images were divided.
    split: Option<SplitRule>,
    /// The names of the classes.
    classes: Option<Vec<String>>,
    best: Option<Best>,
    changes: Vec<Change>,
    has_teacher: bool,
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
        Self::on_ranks(config, beginning, data, device, Arc::new(Ranks::alone()))
    }

    /// As [`Trainer::new`], as one of several processes. All have the same configuration, beginning and data, and make
    /// the same calls; each takes its part of every batch, and all hold the same weights after each step.
    ///
    /// # Errors
    /// As [`Trainer::new`]; [`RankError::Workers`] if the workers cannot be divided among the processes.
    pub fn on_ranks(
        config: TrainConfig,
        beginning: Beginning,
        data: &TrainingData<'_>,
        device: Device,
        ranks: Arc<Ranks>,
    ) -> Result<Self, TrainError> {
        let space = config.validate()?;
        let (workers, count) = (config.workers, ranks.count());
        if !workers.is_multiple_of(count) {
            return Err(RankError::Workers { workers, count }.into());
        }
        let (training, held_out) = data.parts(&config, &space)?;
        let per_epoch = training.len() as u64 / u64::from(config.batch_size);
        let (fingerprint, changes) = match &beginning {
            Beginning::Run(run) => (data.check_run(run)?, changes(run, &config, per_epoch)?),
            Beginning::Random | Beginning::Weights { .. } => (data.images.fingerprint()?, Vec::new()),
        };
        let best = beginning.best();
        let (extras, method) =
            (config.method.extras(&space)?, MethodProgress::new(config.method, &space, beginning.run())?);
        let weights = beginning.weights(&space, &extras, &config);
        let parameters = Parameters::with_extras(&space, &extras, &weights, device);
        let (optimiser, step, spent_before) = start(&beginning, &config, &parameters, device);
        let (config, training) = (Arc::new(config), Arc::new(training));
        let of = (config.clone(), training.clone(), ranks.clone());
        let workers = Workers::start(of, &space, &parameters, data.preprocessing, device);
        let resizer = Resizer::new(&space, data.preprocessing, training.side, device);
        Ok(Self {
            config,
            space,
            extras,
            method,
            parameters,
            optimiser,
            loader: Loader::new(workers.views(), ranks.local_count()),
            workers,
            data: training,
            ranks,
            held_out,
            resizer,
            step,
            spent_before,
            stopwatch: Stopwatch::start(),
            images: fingerprint,
            preprocessing: data.preprocessing.clone(),
            from: beginning.source(),
            split: data.split,
            classes: data.classes.map(<[String]>::to_vec),
            best,
            changes,
            has_teacher: false,
        })
    }

    /// Lets the biggest child, or the only one, learn from the answers of a trained network in the place of labels. A run
    /// that goes on needs its teacher again.
    ///
    /// # Errors
    /// [`TrainError::Worker`] if a thread has ended, [`TrainError::Space`] if the teacher is not in its own space.
    pub fn learn_from(&mut self, teacher: Teacher) -> Result<(), TrainError> {
        self.workers.teach(Arc::new(teacher))?;
        self.has_teacher = true;
        Ok(())
    }

    /// Calls `tell` with a sentence that names the file, whenever a step waits for an image that takes longer than ten
    /// seconds to read.
    pub fn on_slow_reader(&self, tell: impl Fn(&str) + Send + 'static) {
        self.loader.on_slow(tell);
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

    /// The batches of an epoch, which are made from now on.
    fn batches(&self, epoch: u64) -> Batches {
        let order = order_of(&self.config, &self.data, epoch);
        let own = part_of_rank(&order, self.config.batch_size, &self.ranks);
        self.loader.batches(epoch, &own, self.config.batch_size / self.ranks.count())
    }

    /// Runs one epoch; `progress` is called after each step.
    ///
    /// # Errors
    /// [`TrainError::Diverged`] if the loss is not finite, [`TrainError::Worker`] if a thread has ended.
    pub fn epoch(&mut self, mut progress: impl FnMut(&StepReport)) -> Result<EpochReport, TrainError> {
        let epoch = self.step / self.steps_per_epoch();
        let (mut biggest_loss, mut smallest_divergence, mut rate) = (0.0, 0.0, 0.0);
        let meter = GpuMeter::start(self.parameters.flat().device());
        let mut batches = self.batches(epoch);
        while let Some(batch) = batches.next().transpose()? {
            rate = self.learning_rate();
            let [loss, divergence] = self.step(batch, rate)?;
            biggest_loss += loss;
            smallest_divergence += divergence;
            let rates = batches.rates().of_ranks(self.ranks.count());
            progress(&StepReport { step: self.step, loss, divergence, learning_rate: rate, rates });
        }
        let rates = batches.rates().of_ranks(self.ranks.count());
        drop(batches);
        let gpu = meter.map(|meter| meter.stop(self.steps_per_epoch() * u64::from(self.config.batch_size)));
        self.ranks.check_same("weights", hash_of(&self.parameters.values()))?;
        let probes = self.probe()?;
        self.judge(epoch as u32 + 1, &probes);
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
            loader_images_per_s: rates.loader_images_per_s,
            step_images_per_s: rates.step_images_per_s,
            waiting_share: rates.waiting_share,
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
            for batch in self.batches(epoch) {
                let outcome = self.workers.step_on(step, batch?, &lesson)?;
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
    fn step(&mut self, batch: LoadedBatch, rate: f64) -> Result<[f64; 2], TrainError> {
        let joined = self.step >= (self.config.join_epochs * self.steps_per_epoch() as f64) as u64;
        let only = self.config.only.as_ref();
        let first = || self.space.lower(only.unwrap_or(&self.space.biggest())).map(Arc::new);
        let outcome = if self.has_teacher {
            let lesson = Lesson::Taught(first()?);
            self.workers.step_on(self.step, batch, &lesson)?
        } else if !joined || only.is_some() {
            let lesson = Lesson::Sandwich(Arc::new(vec![first()?.as_ref().clone()]));
            self.workers.step_on(self.step, batch, &lesson)?
        } else if let Some(lesson) = self.lesson()? {
            self.workers.step_on(self.step, batch, &lesson)?
        } else {
            self.workers.step(self.step, batch)?
        };
        self.method.add(self.step, &outcome);
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

    /// The lesson of a method other than BigNAS.
    fn lesson(&mut self) -> Result<Option<Lesson>, TrainError> {
        let at = Moment { step: self.step, steps: u64::from(self.config.epochs) * self.steps_per_epoch() };
        if let Some(places) = self.method.new_places(at, || self.parameters.values()) {
            let places: Vec<i64> = places.into_iter().map(|place| place as i64).collect();
            let places = Tensor::from_slice(&places).to_device(self.parameters.flat().device());
            let mut flat = self.parameters.flat().shallow_clone();
            no_grad(|| flat.copy_(&flat.index_select(0, &places)));
            self.optimiser.reorder(&places);
        }
        let weights = || shipped(&self.config, &self.parameters, &self.optimiser);
        Ok(self.method.lesson(&self.config, at, weights)?)
    }

    /// The weights as they would ship now: averaged, unless the run averages none.
    fn current_weights(&self) -> Vec<f32> {
        shipped(&self.config, &self.parameters, &self.optimiser)
    }

    /// Keeps the weights of an epoch that is better than all before, if the run has patience.
    fn judge(&mut self, epoch: u32, probes: &[Probe]) {
        let accuracy = mean_accuracy(probes);
        if self.config.patience > 0 && self.best.as_ref().is_none_or(|best| accuracy > best.accuracy) {
            self.best = Some(Best { epoch, accuracy, weights: self.current_weights() });
        }
    }

    /// The best epoch so far, if the run has patience.
    pub fn best(&self) -> Option<&Best> {
        self.best.as_ref()
    }

    /// Whether the run has ended: all epochs are done, or too many of them were no better than the best one.
    pub fn has_ended(&self) -> bool {
        let (done, TrainConfig { epochs, patience, .. }) = (self.epochs_done(), &*self.config);
        done >= *epochs || self.best.as_ref().is_some_and(|best| best.is_out_of_patience(*patience, done))
    }

    fn probe(&self) -> Result<Vec<Probe>, TrainError> {
        let device = self.parameters.flat().device();
        let weights = Parameters::with_extras(&self.space, &self.extras, &self.current_weights(), device);
        let (calibration, _) = self.data.split_at(self.config.probe_calibration as usize);
        let (held_out, _) = self.held_out.split_at(self.config.probe_images as usize);
        let Self { space, config, method: progress, .. } = self;
        let followed = Followed { space, method: config.method, only: config.only.as_ref(), progress };
        let images = (&calibration, &held_out);
        probe(followed, &weights, &self.resizer, images, &self.ranks)
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
            split: self.split,
            classes: self.classes.clone(),
            preprocessing: Some(self.preprocessing.clone()),
            from: self.from.clone(),
            weights: self.parameters.values(),
            momentum: values_of(&momentum),
            square: square.as_ref().map(values_of),
            average: values_of(&average),
            best: self.best.clone(),
            teacher: self.method.teacher(),
            running: self.method.running(),
        }
    }
}

/// A number that differs between other weights.
pub fn hash_of(weights: &[f32]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytemuck::cast_slice(weights))
}

/// The weights as they would ship: averaged, unless the run averages none.
fn shipped(config: &TrainConfig, parameters: &Parameters, optimiser: &Optimiser) -> Vec<f32> {
    if config.average_decay == 0.0 { parameters.values() } else { values_of(&optimiser.state().average) }
}

/// The learning rate of a step.
fn rate_of(config: &TrainConfig, per_epoch: u64, step: u64) -> f64 {
    learning_rate(step, &RateSchedule::new(config, per_epoch))
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
    let patience = (run.patience != now.patience).then_some(Change::Patience { run: run.patience, now: now.patience });
    Ok(epochs.into_iter().chain(workers).chain(patience).collect())
}
