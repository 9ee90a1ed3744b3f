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
    /// The same ratio as the MAdds of its children predict it.
    pub predicted_sandwich_over_biggest: f64,
    /// Images per wall-second of the sandwich step, one worker.
    pub one_worker_images_per_s: f64,
    /// Images per wall-second of the sandwich step, two workers with a full batch each.
    pub two_workers_images_per_s: f64,
    /// The last over the one before.
    pub two_workers_over_one: f64,
    /// GFLOP per CPU-second of matrix products in the shapes of pointwise layers, median of [`SGEMM_SHAPES`]. The
    /// kernels of a software adapter can be compared with it.
    pub sgemm_gflops: f64,
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
            "  ratio                {:7.2} (MAdds predict {:.2})",
            self.sandwich_over_biggest, self.predicted_sandwich_over_biggest
        )?;
        writeln!(
            f,
            "  two workers          {:7.2} times one ({:.0} against {:.0} images per second)",
            self.two_workers_over_one, self.two_workers_images_per_s, self.one_worker_images_per_s
        )?;
        writeln!(f, "  matrix products      {:7.1} GFLOP per CPU-second", self.sgemm_gflops)
    }
}

fn median(mut values: Vec<f64>) -> f64 {
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
        Workers::start(config, &space, &parameters, data.clone(), preprocessing, device)
    };
    let (one, two) = (start(1), start(2));
    let biggest = Arc::new(vec![space.lower(&space.biggest())?]);
    let measurement = Measurement { config, space: &space, images: images.len(), biggest, steps };
    let predicted = measurement.predicted_ratio()?;
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
        predicted_sandwich_over_biggest: predicted,
        one_worker_images_per_s: one_wall,
        two_workers_images_per_s: two_wall,
        two_workers_over_one: two_wall / one_wall,
        sgemm_gflops: sgemm_gflops(),
    })
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

    /// Mean MAdds of a sandwich over those of the biggest child.
    fn predicted_ratio(&self) -> Result<f64, SpaceError> {
        let mut ratio = 0.0;
        for step in 0..self.steps {
            let madds: u64 = self.sandwich(step)?.iter().map(|network| network.cost().madds.0).sum();
            ratio += madds as f64 / self.biggest[0].cost().madds.0 as f64 / self.steps as f64;
        }
        Ok(ratio)
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
