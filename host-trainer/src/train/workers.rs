//! Threads that share a step on the processor: each takes its part of the batch through the whole sandwich. The workers
//! of several ranks are numbered through, so that two processes of one worker do as one process of two.
//!
//! libtorch's own threads gain little on layers this small. One thread a worker, each with a part of the batch, gains
//! more. Workers read the same storage and keep gradients of their own. The caller adds those in the workers' order, so
//! that a run is the same to the bit every time.

use super::once_for_all::{self, Shrinking, shrinking_step};
use super::sandwich::regularisation;
use super::slimmable::slimmable_step;
use super::teacher::{Teacher, TeacherModel, taught_step};
use super::{
    Balance, Batch, Lesson, LoadedBatch, StepOptions, TrainConfig, TrainError, Views, head_step, sandwich_step,
    step_children,
};
use crate::data::{Dataset, Mixing};
use crate::model::{Parameters, Regularisation, Resizer, values_of};
use crate::random::{Purpose, generator};
use crate::ranks::Ranks;
use nestling_core::image::Preprocessing;
use nestling_core::space::{Network, ValidatedSpace};
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tch::{Device, Kind, Tensor};

/// The result of a step, summed over the workers of all ranks.
#[derive(Debug)]
pub struct StepOutcome {
    /// The flat gradient of the whole batch.
    pub gradient: Tensor,
    /// Losses of the step's children, biggest first, smallest last; means over the batch.
    pub losses: Vec<f64>,
    /// Batch-norm statistics of this batch, of a lesson whose children have their own: means over the workers.
    pub statistics: Option<Tensor>,
}

/// A message to a worker.
enum Message {
    Step(Order),
    /// The teacher of all steps that follow, and its layers.
    Teacher(Arc<Teacher>, Arc<Network>),
}

struct Order {
    step: u64,
    batch: Arc<LoadedBatch>,
    /// The worker's part of the batch.
    part: Range<usize>,
    lesson: Lesson,
}

/// The threads.
#[derive(Debug)]
pub struct Workers {
    orders: Vec<Sender<Message>>,
    outcomes: Vec<Receiver<StepOutcome>>,
    threads: Vec<JoinHandle<()>>,
    config: Arc<TrainConfig>,
    space: ValidatedSpace,
    views: Arc<Views>,
    ranks: Arc<Ranks>,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Order(step {}, {} images)", self.step, self.part.len())
    }
}

impl Workers {
    /// Starts this rank's part of `config.workers` threads over the storage of `parameters`; `space` is the
    /// configuration's. A step then takes this rank's part of the batch.
    pub fn start(
        (config, data, ranks): (Arc<TrainConfig>, Arc<Dataset>, Arc<Ranks>),
        space: &ValidatedSpace,
        parameters: &Parameters,
        preprocessing: &Preprocessing,
        device: Device,
    ) -> Self {
        let views = Arc::new(Views::new(&config, data));
        let (orders, outcomes, threads) = (Vec::new(), Vec::new(), Vec::new());
        let here = u64::from(config.workers / ranks.count());
        let first = here * u64::from(ranks.rank());
        let mut workers =
            Self { orders, outcomes, threads, config: config.clone(), space: space.clone(), views, ranks };
        for index in first..first + here {
            let (order_sender, orders) = channel::<Message>();
            let (outcome_sender, outcomes) = channel();
            let views = workers.views.clone();
            let preprocessing = view_preprocessing(&config, preprocessing);
            let resizer = Resizer::new(space, &preprocessing, views.side(), device);
            let class_weights = class_weights(&config, views.data()).map(|weights| weights.to_device(device));
            let (config, parameters) = (config.clone(), parameters.share());
            workers.threads.push(std::thread::spawn(move || {
                tch::set_num_threads(1);
                let (teacher, taught_by) = (None, None);
                let mut worker = Worker {
                    config,
                    parameters,
                    teacher,
                    taught_by,
                    views,
                    preprocessing,
                    resizer,
                    class_weights,
                    device,
                    index,
                };
                for message in orders {
                    let order = match message {
                        Message::Step(order) => order,
                        Message::Teacher(teacher, network) => {
                            worker.learn_from(&teacher, &network);
                            continue;
                        }
                    };
                    if outcome_sender.send(worker.work(&order)).is_err() {
                        return; // the trainer is gone
                    }
                }
            }));
            workers.orders.push(order_sender);
            workers.outcomes.push(outcomes);
        }
        workers
    }

    /// Makes the batches of these workers.
    pub fn views(&self) -> Arc<Views> {
        self.views.clone()
    }

    /// One sandwich step.
    ///
    /// # Errors
    /// [`TrainError::Worker`] if a thread has ended.
    pub fn step(&self, step: u64, batch: LoadedBatch) -> Result<StepOutcome, TrainError> {
        let config = &self.config;
        let children = if config.step_children.is_empty() {
            step_children(&self.space, config.seed, step, config.random_children)?
        } else {
            let biggest = self.space.biggest();
            let children = std::iter::once(&biggest).chain(&config.step_children);
            children.map(|child| self.space.lower(child)).collect::<Result<_, _>>()?
        };
        self.step_on(step, batch, &Lesson::Sandwich(Arc::new(children)))
    }

    /// Gives the workers the teacher of the [`Lesson::Taught`] steps that follow.
    ///
    /// # Errors
    /// [`TrainError::Worker`] if a thread has ended, [`TrainError::Space`] if the teacher is not in its own space.
    pub fn teach(&self, teacher: Arc<Teacher>) -> Result<(), TrainError> {
        let network = Arc::new(teacher.network()?);
        let send = |orders: &Sender<Message>| orders.send(Message::Teacher(teacher.clone(), network.clone()));
        self.orders.iter().try_for_each(send).map_err(|_| TrainError::Worker)
    }

    /// One step of the given children over the images at `indices`, whose views the calling thread makes.
    ///
    /// # Errors
    /// [`TrainError::Worker`] if a thread has ended, [`TrainError::Data`] if an image cannot be read.
    pub fn step_of(&self, step: u64, epoch: u64, indices: &[u32], lesson: &Lesson) -> Result<StepOutcome, TrainError> {
        self.step_on(step, self.views.batch(epoch, indices)?, lesson)
    }

    /// One step of the given children, the first of them as the biggest. `batch` is this rank's part of the images.
    ///
    /// # Errors
    /// [`TrainError::Worker`] if a thread has ended, [`TrainError::Ranks`] if a process has.
    pub fn step_on(&self, step: u64, batch: LoadedBatch, lesson: &Lesson) -> Result<StepOutcome, TrainError> {
        let mut sum = self.step_here(step, batch, lesson)?;
        self.add_other_ranks(&mut sum)?;
        let workers = f64::from(self.config.workers);
        sum.losses.iter_mut().for_each(|loss| *loss /= workers);
        sum.statistics = sum.statistics.map(|statistics| statistics / workers);
        Ok(sum)
    }

    /// Adds the outcomes of the other ranks: gradient, losses and statistics go as one tensor.
    fn add_other_ranks(&self, sum: &mut StepOutcome) -> Result<(), TrainError> {
        if self.ranks.count() == 1 {
            return Ok(());
        }
        let device = sum.gradient.device();
        let losses: Vec<f32> = sum.losses.iter().map(|&loss| loss as f32).collect();
        let losses = Tensor::from_slice(&losses).to_device(device);
        let parts: Vec<&Tensor> = [&sum.gradient, &losses].into_iter().chain(&sum.statistics).collect();
        let lengths: Vec<i64> = parts.iter().map(|part| part.numel() as i64).collect();
        let mut joined = Tensor::cat(&parts, 0);
        self.ranks.sum(&mut joined)?;
        let mut parts = joined.split_with_sizes(lengths, 0).into_iter();
        sum.gradient = parts.next().ok_or(TrainError::Worker)?;
        let losses = parts.next().ok_or(TrainError::Worker)?;
        sum.losses = values_of(&losses).into_iter().map(f64::from).collect();
        sum.statistics = parts.next();
        Ok(())
    }

    /// The sum over the workers of this rank.
    fn step_here(&self, step: u64, batch: LoadedBatch, lesson: &Lesson) -> Result<StepOutcome, TrainError> {
        let (images, batch) = (batch.indices().len(), Arc::new(batch));
        let each = images.div_ceil(self.orders.len()).max(1);
        let mut sent = 0;
        for (start, orders) in (0..images).step_by(each).zip(&self.orders) {
            let part = start..images.min(start + each);
            let order = Order { step, batch: batch.clone(), part, lesson: lesson.clone() };
            orders.send(Message::Step(order)).map_err(|_| TrainError::Worker)?;
            sent += 1;
        }
        drop(batch);
        let mut sum: Option<StepOutcome> = None;
        for outcomes in self.outcomes.iter().take(sent) {
            let outcome = outcomes.recv().map_err(|_| TrainError::Worker)?;
            sum = Some(match sum {
                None => outcome,
                Some(mut sum) => {
                    sum.gradient += outcome.gradient;
                    sum.statistics = sum.statistics.zip(outcome.statistics).map(|(sum, one)| sum + one);
                    for (sum, loss) in sum.losses.iter_mut().zip(outcome.losses) {
                        *sum += loss;
                    }
                    sum
                }
            });
        }
        sum.ok_or(TrainError::Worker)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.orders.clear(); // ends each thread's loop
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// A random crop is the whole input.
fn view_preprocessing(config: &TrainConfig, preprocessing: &Preprocessing) -> Preprocessing {
    let mut of_view = preprocessing.clone();
    if config.augmentation.crop.is_some() {
        of_view.centre_fraction = 1.0;
    }
    of_view
}

/// Images mixed with their partners (mixup or cutmix), the partners' classes and what an image keeps of itself.
fn mixed(images: Tensor, classes: &Tensor, mixing: Option<&Mixing>) -> (Tensor, Option<(Tensor, f64)>) {
    let Some(Mixing { partners, share, patch }) = mixing else { return (images, None) };
    let partners: Vec<i64> = partners.iter().map(|&partner| i64::from(partner)).collect();
    let partners = Tensor::from_slice(&partners).to_device(images.device());
    let others = images.index_select(0, &partners);
    let images = match patch {
        None => images * *share + others * (1.0 - share),
        Some(patch) => {
            let part = |images: &Tensor| {
                let rows = images.narrow(2, i64::from(patch.top), i64::from(patch.height));
                rows.narrow(3, i64::from(patch.left), i64::from(patch.width))
            };
            part(&images).copy_(&part(&others));
            images
        }
    };
    (images, Some((classes.index_select(0, &partners), *share)))
}

/// The weight of each class in the loss, 1 on average over the images; nothing where all count the same.
fn class_weights(config: &TrainConfig, data: &Dataset) -> Option<Tensor> {
    if config.balance != Balance::Weights {
        return None;
    }
    let mut counts = vec![0u32; data.classes as usize];
    data.labels.iter().for_each(|&label| counts[usize::from(label)] += 1);
    let present = counts.iter().filter(|&&count| count > 0).count();
    let weight = |&count: &u32| data.len() as f32 / (present as f32 * count.max(1) as f32);
    Some(Tensor::from_slice(&counts.iter().map(weight).collect::<Vec<_>>()))
}

/// One thread.
struct Worker {
    config: Arc<TrainConfig>,
    parameters: Parameters,
    /// The teacher of the last lesson that had one, and the weights that it was made from.
    teacher: Option<(Arc<Vec<f32>>, Parameters)>,
    views: Arc<Views>,
    preprocessing: Preprocessing,
    resizer: Resizer,
    class_weights: Option<Tensor>,
    device: Device,
    index: u64,
    /// The trained network of [`Lesson::Taught`].
    taught_by: Option<TeacherModel>,
}

impl Worker {
    fn learn_from(&mut self, teacher: &Teacher, network: &Network) {
        let input = (&self.preprocessing, self.views.side());
        self.taught_by = Some(TeacherModel::new(teacher, network.clone(), input, self.device));
    }

    /// The gradient of the worker's images, in as many parts as the configuration says.
    fn work(&mut self, order: &Order) -> StepOutcome {
        self.meet_teacher(&order.lesson);
        self.parameters.zero_gradient();
        let parts = f64::from(self.config.accumulate);
        let each = order.part.len().div_ceil(self.config.accumulate as usize).max(1);
        let (mut losses, mut statistics): (Vec<f64>, Option<Tensor>) = (Vec::new(), None);
        for (part, start) in (0u64..).zip(order.part.clone().step_by(each)) {
            let images = start..order.part.end.min(start + each);
            let (loss, statistic) = self.add_gradient(order, part, images);
            losses.resize(loss.len(), 0.0);
            losses.iter_mut().zip(loss).for_each(|(sum, loss)| *sum += loss / parts);
            statistics = statistic.map(|one| one / parts + statistics.unwrap_or_else(|| Tensor::from(0.0f32)));
        }
        StepOutcome { gradient: self.parameters.gradient(), losses, statistics }
    }

    /// Adds the gradient of one part; returns the losses of the children and their statistics, if they have their own.
    fn add_gradient(&self, order: &Order, part: u64, images: Range<usize>) -> (Vec<f64>, Option<Tensor>) {
        let batch = self.batch(order, part, images);
        let options = StepOptions {
            label_smoothing: self.config.label_smoothing,
            class_weights: self.class_weights.as_ref(),
            distillation: self.config.distillation,
            share: 1.0 / f64::from(self.config.workers * self.config.accumulate),
            kind: self.config.precision.kind(self.device),
            regularise: self.config.regularise,
            child_decay: self.config.weight_decay,
            recompute: self.config.recompute,
        };
        let (parameters, resizer) = (&self.parameters, &self.resizer);
        match &order.lesson {
            Lesson::Sandwich(children) => (sandwich_step(parameters, children, resizer, &batch, options), None),
            Lesson::Switches(switches) => {
                let (losses, statistics) = slimmable_step(parameters, switches, resizer, &batch, options);
                (losses, Some(statistics))
            }
            Lesson::Shrinking { children, teacher, .. } => {
                let known = self.teacher.as_ref().map_or(parameters, |(_, parameters)| parameters);
                let teacher = once_for_all::Teacher { network: teacher, parameters: known };
                let lesson = Shrinking { children, teacher };
                (shrinking_step(parameters, lesson, resizer, &batch, options), None)
            }
            Lesson::Head(biggest) => (head_step(parameters, biggest, resizer, &batch, options), None),
            Lesson::Taught(student) => (self.taught(student, &batch, options), None),
        }
    }

    /// The step of a child that learns from a trained network; without one there is nothing to learn.
    fn taught(&self, student: &Network, batch: &Batch, options: StepOptions<'_>) -> Vec<f64> {
        let soft_labels = self.taught_by.as_ref().map(|teacher| teacher.soft_labels(&batch.images));
        soft_labels.map_or_else(Vec::new, |soft_labels| {
            let of = (options.distillation, options.share);
            taught_step(&self.parameters, student, &self.resizer, (batch, &soft_labels), of)
        })
    }

    /// Makes the teacher of a lesson, if it is not the one of the lesson before.
    fn meet_teacher(&mut self, lesson: &Lesson) {
        let Lesson::Shrinking { weights, .. } = lesson else { return };
        if self.teacher.as_ref().is_none_or(|(known, _)| !Arc::ptr_eq(known, weights)) {
            let parameters = Parameters::from_values(self.parameters.space(), weights, self.device);
            self.teacher = Some((Arc::clone(weights), parameters));
        }
    }

    fn batch(&self, order: &Order, part: u64, images: Range<usize>) -> Batch {
        let Self { config, device, .. } = self;
        let (indices, pixels) = (&order.batch.indices()[images.clone()], order.batch.pixels(images));
        let labels = &self.views.data().labels;
        let classes: Vec<i64> = indices.iter().map(|&index| i64::from(labels[index as usize])).collect();
        // Each part of each worker in each step has random numbers of its own.
        let place = (part << 56) | (order.step * 256 + self.index);
        let random = regularisation(config, place, order.lesson.biggest(), classes.len());
        let mut draw = generator(config.seed, Purpose::Mix, place);
        let is_mixed = !matches!(order.lesson, Lesson::Head(_));
        let mixing = config.mix.draw(classes.len() as u32, self.resizer.side(), &mut draw).filter(|_| is_mixed);
        let classes = Tensor::from_slice(&classes).to_device(*device).to_kind(Kind::Int64);
        let (images, partners) = mixed(self.resizer.upload(&pixels), &classes, mixing.as_ref());
        Batch {
            images,
            classes,
            partners,
            regularisation: Regularisation {
                dropout: random.dropout.map(|mask| mask.to_device(*device)),
                depth: random.depth.iter().map(|mask| mask.to_device(*device)).collect(),
            },
        }
    }
}
