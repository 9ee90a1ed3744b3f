//! Images per second of whole training steps, the update included, on a made-up batch that lies on the device already.
//!
//! [`mod@crate::bench`] counts CPU-seconds of gradients alone, which say nothing about a GPU. This counts wall time, so
//! the device should have nothing else to do.

mod largest;

pub use largest::{Tried, largest_batch};

use crate::bench::{madds, median, predicted_ratio};
use crate::model::{Parameters, Regularisation, Resizer};
use crate::random::{Purpose, generator};
use crate::ranks::Ranks;
use crate::torch;
use crate::train::{
    Batch, GpuMeter, Optimiser, Precision, StepOptions, TrainConfig, TrainError, sandwich_step, step_children,
};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::space::{Network, SpaceError, ValidatedSpace};
use nestling_stopwatch::Stopwatch;
use rand::RngExt;
use serde::{Deserialize, Serialize};
use std::fmt;
use tch::{Device, Kind, Tensor};

/// Rates of whole training steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    /// The search space.
    pub space: String,
    /// Largest input size in pixels; the images have it.
    pub resolution: u32,
    /// Images a step, of all processes.
    pub batch_size: u32,
    /// Processes that share a step.
    pub processes: u32,
    /// Milliseconds of the sum of all gradients alone: the median; nothing for one process.
    pub all_reduce_ms: Option<f64>,
    /// Bytes of the gradient that is summed.
    pub gradient_bytes: u64,
    /// The arithmetic: f32 or bf16.
    pub precision: Precision,
    /// Steps of each kind.
    pub steps: u64,
    /// Images per wall-second of the sandwich step: the median of all rounds.
    pub sandwich_images_per_s: f64,
    /// Images per wall-second of the biggest child alone: the median of all rounds.
    pub biggest_images_per_s: f64,
    /// How many times longer the sandwich step takes.
    pub sandwich_over_biggest: f64,
    /// The same ratio as the MAdds of its children predict it.
    pub predicted_sandwich_over_biggest: f64,
    /// Share of the memory roofline: bytes that the activations of a sandwich step must move, beside those that the device
    /// copies in the same time.
    pub roofline_share: f64,
    /// Most bytes that tensors took at once.
    pub peak_bytes: Option<u64>,
    /// Loss of the biggest child in the first sandwich step and in the last.
    pub losses: [f64; 2],
}

impl fmt::Display for Throughput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { space, resolution, batch_size, precision, .. } = self;
        writeln!(f, "training steps of `{space}`, {batch_size} images of {resolution} px, {precision}:")?;
        writeln!(f, "  biggest child alone  {:8.1} images per second", self.biggest_images_per_s)?;
        writeln!(f, "  sandwich             {:8.1} images per second", self.sandwich_images_per_s)?;
        let predicted = self.predicted_sandwich_over_biggest;
        writeln!(f, "  ratio                {:8.2} (MAdds predict {predicted:.2})", self.sandwich_over_biggest)?;
        writeln!(f, "  memory roofline      {:8.1} % of what copies reach", 100.0 * self.roofline_share)?;
        if let Some(ms) = self.all_reduce_ms {
            let megabytes = self.gradient_bytes as f64 / 1e6;
            let processes = self.processes;
            writeln!(f, "  all-reduce           {ms:8.2} ms for {megabytes:.1} MB, {processes} processes")?;
        }
        if let Some(bytes) = self.peak_bytes {
            writeln!(f, "  memory of tensors    {:8.2} GiB at most", bytes as f64 / f64::from(1 << 30))?;
        }
        write!(f, "  loss                 {:8.3}, {:.3} at the end", self.losses[0], self.losses[1])
    }
}

/// Learning rate of the steps: one batch is learned by heart slowly, so that its gradients stay usual ones.
const RATE: f64 = 0.01;

/// Numbers of an activation that a step reads or writes once, at the least: forward the convolution writes it, and batch
/// norm reads it twice and writes it for the next layer, which reads it; as many backward, with the gradients: ten, and two
/// for the gradient of the weights.
const MOVES: u64 = 12;
/// Numbers of the tensors whose copy is timed: beyond every cache.
const COPIED: i64 = 1 << 26;

/// Bytes a second that a device reads and writes while it copies: the median of several copies.
fn copied_bytes_per_s(device: Device) -> f64 {
    let from = Tensor::zeros([COPIED], (Kind::Float, device));
    let mut to = Tensor::zeros_like(&from);
    let mut copy = || {
        let meter = GpuMeter::start(device);
        let stopwatch = Stopwatch::start();
        to.copy_(&from);
        let _ = meter.map(|meter| meter.stop(1)); // waits for the GPU
        8.0 * COPIED as f64 / stopwatch.elapsed().wall_s()
    };
    median((0..5).map(|_| copy()).collect())
}

/// Sums of gradients that are timed.
const ALL_REDUCES: u32 = 50;

/// Trains `rounds` times `steps` steps of the biggest child alone, and as many of the sandwich, in turns, with the batch
/// size, the space and the precision of `config`, shared over the ranks. `progress` is called after each step.
///
/// # Errors
/// [`TrainError`] if the configuration is wrong, a loss is not finite, or a process ends.
pub fn throughput(
    config: &TrainConfig,
    device: Device,
    rounds: u32,
    steps: u64,
    ranks: &Ranks,
    mut progress: impl FnMut(),
) -> Result<Throughput, TrainError> {
    let space = config.validate()?;
    let side = config.space.resolutions.iter().copied().max().unwrap_or(1);
    // On a processor, tensors are counted from here on.
    torch::reset_peak_of(device);
    let mut training = Training::new(config, &space, side, device, ranks);
    // Kernels are chosen and memory is taken before the clock starts.
    for only_biggest in [true, false] {
        training.step(only_biggest)?;
    }
    let (mut alone, mut sandwich, mut peak_bytes) = (Vec::new(), Vec::new(), None);
    let mut losses = Vec::new();
    for _ in 0..rounds.max(1) {
        for (only_biggest, rates) in [(true, &mut alone), (false, &mut sandwich)] {
            torch::reset_peak_of(device);
            let (meter, stopwatch) = (GpuMeter::start(device), Stopwatch::start());
            for _ in 0..steps {
                let loss = training.step(only_biggest)?;
                if !only_biggest {
                    losses.push(loss);
                }
                progress();
            }
            let images = steps * u64::from(config.batch_size);
            let _ = meter.map(|meter| meter.stop(images)); // waits for the GPU
            rates.push(images as f64 / stopwatch.elapsed().wall_s());
            peak_bytes = peak_bytes.max(torch::peak_of(device));
        }
    }
    let [biggest_images_per_s, sandwich_images_per_s] = [alone, sandwich].map(median);
    Ok(Throughput {
        space: space.name.clone(),
        resolution: side,
        batch_size: config.batch_size,
        processes: ranks.count(),
        all_reduce_ms: training.all_reduce_ms()?,
        gradient_bytes: 4 * training.parameters.flat().numel() as u64,
        precision: if training.kind == Kind::Float { Precision::F32 } else { Precision::Bf16 },
        steps: steps * u64::from(rounds.max(1)),
        sandwich_images_per_s,
        biggest_images_per_s,
        sandwich_over_biggest: biggest_images_per_s / sandwich_images_per_s,
        predicted_sandwich_over_biggest: predicted_ratio(config, &space, training.sandwiches, madds)?,
        roofline_share: training.bytes_per_image()? * sandwich_images_per_s / copied_bytes_per_s(device),
        peak_bytes,
        losses: [losses.first(), losses.last()].map(|loss| loss.copied().unwrap_or(f64::NAN)),
    })
}

/// A supernet with one batch on the device.
struct Training<'a> {
    config: &'a TrainConfig,
    space: &'a ValidatedSpace,
    parameters: Parameters,
    optimiser: Optimiser,
    resizer: Resizer,
    batch: Batch,
    kind: Kind,
    ranks: &'a Ranks,
    /// Updates so far.
    step: u64,
    /// Sandwich steps so far: the children of the next one depend on it.
    sandwiches: u64,
}

impl<'a> Training<'a> {
    fn new(config: &'a TrainConfig, space: &'a ValidatedSpace, side: u32, device: Device, ranks: &'a Ranks) -> Self {
        let channels = space.input_channels as usize;
        let preprocessing = Preprocessing {
            means: vec![0.5; channels],
            standard_deviations: vec![0.25; channels],
            centre_fraction: 1.0,
            fit: Fit::Crop,
        };
        let resizer = Resizer::new(space, &preprocessing, side, device);
        let parameters = Parameters::from_values(space, &Parameters::initial_values(space, config.seed), device);
        let (mask, rates) = (parameters.decay_mask(), parameters.rates(config.body_rate));
        let optimiser = Optimiser::new(config.optimiser, parameters.flat(), mask, rates);
        let mut random = generator(config.seed, Purpose::Augment, u64::from(ranks.rank()));
        let count = (config.batch_size / ranks.count()).max(1) as usize;
        let pixels: Vec<u8> = (0..count * channels * (side * side) as usize).map(|_| random.random()).collect();
        let classes: Vec<i64> = (0..count).map(|_| i64::from(random.random_range(0..space.classes))).collect();
        let batch = Batch {
            images: resizer.upload(&pixels),
            classes: torch::upload(&Tensor::from_slice(&classes), device),
            partners: None,
            regularisation: Regularisation::default(),
        };
        let kind = config.precision.kind(device);
        Self { config, space, parameters, optimiser, resizer, batch, kind, ranks, step: 0, sandwiches: 0 }
    }

    /// Mean bytes for an image that the activations of a step must move.
    fn bytes_per_image(&self) -> Result<f64, SpaceError> {
        let number = if self.kind == Kind::Float { 4 } else { 2 };
        let mut sum = 0;
        for sandwich in 0..self.sandwiches {
            let numbers: u64 = self.children(sandwich)?.iter().map(|network| network.cost().activation_bytes / 4).sum();
            sum += numbers * MOVES * number;
        }
        Ok(sum as f64 / self.sandwiches.max(1) as f64)
    }

    /// The time of a sum of all gradients alone, while every rank waits for it.
    fn all_reduce_ms(&self) -> Result<Option<f64>, TrainError> {
        if self.ranks.count() == 1 {
            return Ok(None);
        }
        let mut gradient = self.parameters.flat().zeros_like();
        let mut times = Vec::new();
        for _ in 0..ALL_REDUCES {
            self.ranks.sum(&mut Tensor::zeros([1], (Kind::Float, gradient.device())))?; // all begin together
            let stopwatch = Stopwatch::start();
            self.ranks.sum(&mut gradient)?;
            times.push(1e3 * stopwatch.elapsed().wall_s());
        }
        Ok(Some(median(times)))
    }

    fn children(&self, sandwich: u64) -> Result<Vec<Network>, SpaceError> {
        step_children(self.space, self.config.seed, sandwich, self.config.random_children)
    }

    /// One step with its update; returns the loss of the biggest child.
    fn step(&mut self, only_biggest: bool) -> Result<f64, TrainError> {
        let mut children = self.children(self.sandwiches)?;
        if only_biggest {
            children.truncate(1);
        } else {
            self.sandwiches += 1;
        }
        let (label_smoothing, recompute) = (self.config.label_smoothing, self.config.recompute);
        let share = 1.0 / f64::from(self.ranks.count());
        let options = StepOptions { label_smoothing, share, kind: self.kind, recompute, ..StepOptions::default() };
        self.parameters.zero_gradient();
        let losses = sandwich_step(&self.parameters, &children, &self.resizer, &self.batch, options);
        let loss = losses.first().copied().unwrap_or(f64::NAN);
        if !loss.is_finite() {
            return Err(TrainError::Diverged { step: self.step, loss, rate: RATE });
        }
        let mut gradient = self.parameters.gradient();
        self.ranks.sum(&mut gradient)?;
        self.optimiser.update(self.parameters.flat(), &gradient, RATE, self.config, self.step);
        self.step += 1;
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::SearchSpace;

    fn measured(precision: Precision) -> Throughput {
        crate::torch::initialise();
        let space = SearchSpace { resolutions: vec![20], ..SearchSpace::fashion() };
        let config = TrainConfig { batch_size: 8, workers: 1, precision, space, ..TrainConfig::default() };
        let mut done = 0;
        let measured = throughput(&config, Device::Cpu, 2, 6, Ranks::just_one(), || done += 1).unwrap();
        assert_eq!(done, 24);
        measured
    }

    #[test]
    fn both_precisions_learn_the_batch_by_heart() {
        for precision in [Precision::F32, Precision::Bf16] {
            let measured = measured(precision);
            assert_eq!((measured.precision, measured.resolution), (precision, 20));
            // Five numbers a weight, and activations.
            assert!(measured.peak_bytes.is_some_and(|bytes| bytes > 4 * measured.gradient_bytes), "{measured:?}");
            assert!(measured.losses[1] < measured.losses[0], "{measured:?}");
            // Between two children of which one is small, and four biggest ones.
            let predicted = measured.predicted_sandwich_over_biggest;
            assert!(predicted > 1.0 && predicted < 4.0, "{measured:?}");
            let rates = [measured.sandwich_images_per_s, measured.biggest_images_per_s];
            assert!(rates.iter().all(|rate| *rate > 0.0), "{measured:?}");
        }
    }
}
