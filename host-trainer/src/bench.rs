//! Speed of a training step, and its distance from the speed that its operations predict; speed of the loader.

mod loader;
mod photographs;

pub use loader::{LoaderReport, bench_loader};

use crate::data::Dataset;
use crate::model::Parameters;
use crate::train::{Lesson, TrainConfig, TrainError, Workers, step_children};
use nestling_core::image::Preprocessing;
use nestling_core::space::{Network, SpaceError, ValidatedSpace};
use nestling_stopwatch::Stopwatch;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use tch::Device;

/// Rates of the training step. Medians over rounds that were run in turns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BenchReport {
    /// Images of a step.
    pub batch_size: u32,
    /// Images per CPU-second, forward and backward of the biggest child alone, one worker.
    pub biggest_images_per_cpu_s: f64,
    /// Images per CPU-second of the whole sandwich step, one worker.
    pub sandwich_images_per_cpu_s: f64,
    /// How many times longer the sandwich step takes.
    pub sandwich_over_biggest: f64,
    /// The same ratio as the MAdds of its children alone predict it.
    pub predicted_by_madds: f64,
    /// The same ratio by MAdds at the rate of matrix products, and bytes of activations at the rate of a copy.
    pub predicted: f64,
    /// Time of a matrix product of all MAdds and a copy of all bytes, as a share of the biggest child's measured time.
    pub floor_share: f64,
    /// Images per wall-second of the sandwich step, one worker.
    pub one_worker_images_per_s: f64,
    /// Images per wall-second of the sandwich step, two workers with a full batch each.
    pub two_workers_images_per_s: f64,
    /// The last over the one before.
    pub two_workers_over_one: f64,
    /// GFLOP per CPU-second of matrix products in the shapes of pointwise layers, median of [`SGEMM_SHAPES`]. The
    /// kernels of a software adapter can be compared with it.
    pub sgemm_gflops: f64,
    /// GB per CPU-second that a copy of [`COPIED_BYTES`] reads and writes.
    pub copy_gb_per_s: f64,
}

/// Multiply-adds of a step by those of a forward pass: the backward pass computes two products of the same size, for
/// the inputs and for the weights.
const PASSES_OVER_MADDS: f64 = 3.0;

/// How often a step reads or writes each element of a layer's output. Forward: the convolution writes it, batch norm
/// reads it twice and writes the activation, the next layer reads that. Backward: the next layer reads it for its
/// weights and writes its gradient, batch norm reads both twice and writes a gradient, and the convolution reads that
/// twice.
const PASSES_OVER_ACTIVATIONS: f64 = 14.0;

/// Bytes of the copy that measures the rate of memory: larger than the caches.
pub const COPIED_BYTES: usize = 256 << 20;

/// Rates of this processor.
#[derive(Clone, Copy, Debug)]
struct Machine {
    sgemm_gflops: f64,
    copy_gb_per_s: f64,
}

impl Machine {
    fn measure() -> Self {
        Self { sgemm_gflops: sgemm_gflops(), copy_gb_per_s: copy_gb_per_s() }
    }

    /// Seconds of one image's step, if every operation ran at these rates.
    fn floor_s(self, network: &Network) -> f64 {
        let cost = network.cost();
        let operations = 2.0 * PASSES_OVER_MADDS * cost.madds.0 as f64;
        let bytes = PASSES_OVER_ACTIVATIONS * cost.activation_bytes as f64;
        1e-9 * (operations / self.sgemm_gflops + bytes / self.copy_gb_per_s)
    }
}

/// GB that a CPU-second reads and writes.
fn copy_gb_per_s() -> f64 {
    let (from, mut to) = (vec![1u8; COPIED_BYTES], vec![0u8; COPIED_BYTES]);
    let rate = |_| {
        let stopwatch = Stopwatch::start();
        to.copy_from_slice(std::hint::black_box(&from));
        std::hint::black_box(&to);
        2e-9 * COPIED_BYTES as f64 / stopwatch.elapsed().cpu_s()
    };
    median((0..5).map(rate).collect())
}

/// Pixels, input and output channels of three pointwise layers: of an early, a middle and a late stage.
pub const SGEMM_SHAPES: [(i64, i64, i64); 3] = [(3136, 144, 24), (196, 576, 96), (49, 960, 320)];

/// GFLOP per CPU-second of 32-bit matrix products on the CPU.
fn sgemm_gflops() -> f64 {
    let rate = |(pixels, inputs, outputs): (i64, i64, i64)| {
        let options = (tch::Kind::Float, Device::Cpu);
        let (left, right) =
            (tch::Tensor::rand([pixels, inputs], options), tch::Tensor::rand([inputs, outputs], options));
        let mut result = tch::Tensor::empty([pixels, outputs], options);
        let mut run = |count: u32| {
            let stopwatch = Stopwatch::start();
            for _ in 0..count {
                result = left.matmul(&right);
            }
            stopwatch.elapsed().cpu_s()
        };
        run(20); // warm
        let mut count = 100;
        loop {
            let cpu_s = run(count);
            if cpu_s > 0.2 || count > 1_000_000 {
                return 2e-9 * (pixels * inputs * outputs) as f64 * f64::from(count) / cpu_s;
            }
            count *= 2;
        }
    };
    median(SGEMM_SHAPES.map(rate).to_vec())
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "training step, {} images a worker:", self.batch_size)?;
        writeln!(f, "  biggest child alone  {:7.0} images per CPU-second", self.biggest_images_per_cpu_s)?;
        writeln!(f, "  sandwich of four     {:7.0} images per CPU-second", self.sandwich_images_per_cpu_s)?;
        writeln!(
            f,
            "  ratio                {:7.2} (MAdds alone predict {:.2}, with bytes {:.2})",
            self.sandwich_over_biggest, self.predicted_by_madds, self.predicted
        )?;
        writeln!(f, "  biggest child        {:7.2} of its time at the rates below", self.floor_share)?;
        writeln!(
            f,
            "  two workers          {:7.2} times one ({:.0} against {:.0} images per second)",
            self.two_workers_over_one, self.two_workers_images_per_s, self.one_worker_images_per_s
        )?;
        writeln!(f, "  matrix products      {:7.1} GFLOP per CPU-second", self.sgemm_gflops)?;
        writeln!(f, "  copy                 {:7.1} GB per CPU-second", self.copy_gb_per_s)
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Measures `steps` steps of each kind in each of `rounds` rounds. No weight is updated.
///
/// # Errors
/// [`TrainError`] if the configuration is wrong, the images do not fit it, or a worker ends.
pub fn bench(
    config: &TrainConfig,
    images: &Dataset,
    preprocessing: &Preprocessing,
    device: Device,
    rounds: u32,
    steps: u64,
    mut progress: impl FnMut(),
) -> Result<BenchReport, TrainError> {
    let space = config.validate()?;
    images.check_fits(&space)?;
    let values = Parameters::initial_values(&space, config.seed);
    let parameters = Parameters::from_values(&space, &values, device);
    let data = Arc::new(images.clone());
    let start = |workers| {
        let config = Arc::new(TrainConfig { workers, ..config.clone() });
        Workers::start((config, data.clone(), Arc::default()), &space, &parameters, preprocessing, device)
    };
    let (one, two) = (start(1), start(2));
    let biggest = Arc::new(vec![space.lower(&space.biggest())?]);
    let measurement = Measurement { config, space: &space, images: images.len(), biggest, steps };
    let machine = Machine::measure();
    let predicted_by_madds = predicted_ratio(config, &space, steps, madds)?;
    let predicted = predicted_ratio(config, &space, steps, |network| machine.floor_s(network))?;
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds.max(1) {
        let alone = measurement.rates(&one, 1, true)?;
        let four = measurement.rates(&one, 1, false)?;
        let both = measurement.rates(&two, 2, false)?;
        for (rates, rate) in rates.iter_mut().zip([alone.cpu, four.cpu, four.wall, both.wall]) {
            rates.push(rate);
        }
        progress();
    }
    let [alone, four, one_wall, two_wall] = rates.map(median);
    Ok(BenchReport {
        batch_size: config.batch_size,
        biggest_images_per_cpu_s: alone,
        sandwich_images_per_cpu_s: four,
        sandwich_over_biggest: alone / four,
        predicted_by_madds,
        predicted,
        floor_share: machine.floor_s(&measurement.biggest[0]) * alone,
        one_worker_images_per_s: one_wall,
        two_workers_images_per_s: two_wall,
        two_workers_over_one: two_wall / one_wall,
        sgemm_gflops: machine.sgemm_gflops,
        copy_gb_per_s: machine.copy_gb_per_s,
    })
}

/// The MAdds of a forward pass.
pub(crate) fn madds(network: &Network) -> f64 {
    network.cost().madds.0 as f64
}

/// Mean cost of the first `sandwiches` of a run over that of the biggest child.
pub(crate) fn predicted_ratio(
    config: &TrainConfig,
    space: &ValidatedSpace,
    sandwiches: u64,
    cost: impl Fn(&Network) -> f64,
) -> Result<f64, SpaceError> {
    let mut ratio = 0.0;
    for step in 0..sandwiches {
        let children = step_children(space, config.seed, step, config.random_children)?;
        let all: f64 = children.iter().map(&cost).sum();
        ratio += all / cost(&children[0]) / sandwiches as f64;
    }
    Ok(ratio)
}

struct Measurement<'a> {
    config: &'a TrainConfig,
    space: &'a ValidatedSpace,
    images: usize,
    /// The biggest child alone.
    biggest: Arc<Vec<Network>>,
    steps: u64,
}

/// Images per second.
struct Rates {
    cpu: f64,
    wall: f64,
}

impl Measurement<'_> {
    fn sandwich(&self, step: u64) -> Result<Arc<Vec<Network>>, SpaceError> {
        step_children(self.space, self.config.seed, step, self.config.random_children).map(Arc::new)
    }

    /// Runs all steps, each over `count` batches: of the biggest child alone, or of a sandwich.
    fn rates(&self, workers: &Workers, count: u64, alone: bool) -> Result<Rates, TrainError> {
        let total = count * u64::from(self.config.batch_size);
        let indices: Vec<u32> = (0..total as u32).map(|index| index % self.images as u32).collect();
        let lesson = |step| if alone { Ok(self.biggest.clone()) } else { self.sandwich(step) }.map(Lesson::Sandwich);
        workers.step_of(0, 0, &indices, &lesson(0)?)?; // warm: kernels are compiled, memory is there
        let stopwatch = Stopwatch::start();
        for step in 0..self.steps {
            workers.step_of(step, 0, &indices, &lesson(step)?)?;
        }
        let (seen, elapsed) = ((self.steps * total) as f64, stopwatch.elapsed());
        Ok(Rates { cpu: seen / elapsed.cpu_s(), wall: seen / elapsed.wall_s() })
    }
}
