//! Threads that share a step on the processor: each takes its part of the batch through the whole sandwich.
//!
//! libtorch's own threads gain little on layers this small. One thread a worker, each with a part of the batch, gains
//! more. Workers read the same storage and keep gradients of their own. The caller adds those in the workers' order, so
//! that a run is the same to the bit every time.

use super::sandwich::dropout_mask;
use super::{Batch, StepOptions, TrainConfig, TrainError, sandwich_step, step_children};
use crate::data::{Augmenter, Dataset};
use crate::model::{Parameters, Resizer};
use crate::random::{Purpose, generator};
use nestling_core::image::Preprocessing;
use nestling_core::space::{Network, ValidatedSpace};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use tch::{Device, Kind, Tensor};

/// The result of a step, summed over the workers.
#[derive(Debug)]
pub struct StepOutcome {
    /// The flat gradient of the whole batch.
    pub gradient: Tensor,
    /// Losses of the step's children, biggest first, smallest last; means over the batch.
    pub losses: Vec<f64>,
}

struct Order {
    step: u64,
    epoch: u64,
    indices: Vec<u32>,
    children: Arc<Vec<Network>>,
}

/// The threads.
#[derive(Debug)]
pub struct Workers {
    orders: Vec<Sender<Order>>,
    outcomes: Vec<Receiver<Result<StepOutcome, TrainError>>>,
    threads: Vec<JoinHandle<()>>,
    config: Arc<TrainConfig>,
    space: ValidatedSpace,
}

impl std::fmt::Debug for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Order(step {}, {} images)", self.step, self.indices.len())
    }
}

impl Workers {
    /// Starts `config.workers` threads over the storage of `parameters`; `space` is the configuration's.
    pub fn start(
        config: Arc<TrainConfig>,
        space: &ValidatedSpace,
        parameters: &Parameters,
        data: Arc<Dataset>,
        preprocessing: &Preprocessing,
        device: Device,
    ) -> Self {
        let (orders, outcomes, threads) = (Vec::new(), Vec::new(), Vec::new());
        let mut workers = Self { orders, outcomes, threads, config: config.clone(), space: space.clone() };
        for index in 0..u64::from(config.workers) {
            let (order_sender, orders) = channel::<Order>();
            let (outcome_sender, outcomes) = channel();
            let resizer = Resizer::new(space, preprocessing, data.side, device);
            let augmenter = Augmenter::new(&config.augmentation, data.side, data.side, data.channels);
            let (data, config, mut parameters) = (data.clone(), config.clone(), parameters.share());
            workers.threads.push(std::thread::spawn(move || {
                tch::set_num_threads(1);
                for order in orders {
                    let outcome = work(&config, &mut parameters, &data, (&augmenter, &resizer), device, index, &order);
                    if outcome_sender.send(outcome).is_err() {
                        return; // the trainer is gone
                    }
                }
            }));
            workers.orders.push(order_sender);
            workers.outcomes.push(outcomes);
        }
        workers
    }

    /// One sandwich step over the images at `indices`.
    ///
    /// # Errors
    /// [`TrainError::Worker`] if a thread has ended, [`TrainError::Data`] if an image cannot be read.
    pub fn step(&self, step: u64, epoch: u64, indices: &[u32]) -> Result<StepOutcome, TrainError> {
        let config = &self.config;
        let children = step_children(&self.space, config.seed, step, config.random_children)?;
        self.step_of(step, epoch, indices, Arc::new(children))
    }

    /// One step of the given children, the first of them as the biggest.
    ///
    /// # Errors
    /// [`TrainError::Worker`] if a thread has ended, [`TrainError::Data`] if an image cannot be read.
    pub fn step_of(
        &self,
        step: u64,
        epoch: u64,
        indices: &[u32],
        children: Arc<Vec<Network>>,
    ) -> Result<StepOutcome, TrainError> {
        let mut sent = 0;
        for (part, orders) in indices.chunks(indices.len().div_ceil(self.orders.len()).max(1)).zip(&self.orders) {
            let order = Order { step, epoch, indices: part.to_vec(), children: children.clone() };
            orders.send(order).map_err(|_| TrainError::Worker)?;
            sent += 1;
        }
        let mut sum: Option<StepOutcome> = None;
        for outcomes in self.outcomes.iter().take(sent) {
            let outcome = outcomes.recv().map_err(|_| TrainError::Worker)??;
            sum = Some(match sum {
                None => outcome,
                Some(mut sum) => {
                    sum.gradient += outcome.gradient;
                    for (sum, loss) in sum.losses.iter_mut().zip(outcome.losses) {
                        *sum += loss;
                    }
                    sum
                }
            });
        }
        let mut sum = sum.ok_or(TrainError::Worker)?;
        for loss in &mut sum.losses {
            *loss /= sent as f64;
        }
        Ok(sum)
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

fn work(
    config: &TrainConfig,
    parameters: &mut Parameters,
    data: &Dataset,
    (augmenter, resizer): (&Augmenter, &Resizer),
    device: Device,
    worker: u64,
    order: &Order,
) -> Result<StepOutcome, TrainError> {
    let (mut image, mut pixels) = (Vec::new(), Vec::with_capacity(order.indices.len() * data.image_bytes()));
    for &index in &order.indices {
        let mut random = generator(config.seed, Purpose::Augment, order.epoch << 32 | u64::from(index));
        image.clear();
        data.read(index as usize, &mut image)?;
        augmenter.view(&image, &mut random, &mut pixels);
    }
    let classes: Vec<i64> = order.indices.iter().map(|&index| i64::from(data.labels[index as usize])).collect();
    let dropout = dropout_mask(config, order.step, worker, classes.len(), order.children[0].classifier_inputs());
    let batch = Batch {
        images: resizer.upload(&pixels),
        classes: Tensor::from_slice(&classes).to_device(device).to_kind(Kind::Int64),
        dropout: dropout.map(|mask| mask.to_device(device)),
    };
    let options = StepOptions { label_smoothing: config.label_smoothing, share: 1.0 / f64::from(config.workers) };
    parameters.zero_gradient();
    let losses = sandwich_step(parameters, &order.children, resizer, &batch, options);
    Ok(StepOutcome { gradient: parameters.gradient(), losses })
}
