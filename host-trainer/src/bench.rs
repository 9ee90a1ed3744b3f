//! How fast a step is, and how far from what its operations predict.

use crate::data::Dataset;
use crate::model::Parameters;
use crate::time::Clock;
use crate::train::{TrainConfig, Workers, step_children};
use nestling_core::image::Preprocessing;
use nestling_core::space::Network;
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
    /// What the MAdds of its children predict for that.
    pub predicted_sandwich_over_biggest: f64,
    /// Images per wall-second of the sandwich step, one worker.
    pub one_worker_images_per_s: f64,
    /// Images per wall-second of the sandwich step, two workers with a full batch each.
    pub two_workers_images_per_s: f64,
    /// The last over the one before.
    pub two_workers_over_one: f64,
    /// What a CPU core does in matrix products of pointwise layers' shapes: what a software adapter's kernels can be
    /// held against. GFLOP per CPU-second, median of [`SGEMM_SHAPES`].
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
            let clock = Clock::start(0.0, 0.0);
            for _ in 0..count {
                result = left.matmul(&right);
            }
            clock.elapsed().0
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

/// Measures `steps` steps of each kind in each of `rounds` rounds. Nothing is updated.
///
/// # Errors
/// If the configuration is wrong or a worker dies.
pub fn bench(
    config: &TrainConfig,
    images: &Dataset,
    preprocessing: &Preprocessing,
    device: Device,
    rounds: u32,
    steps: u64,
    mut progress: impl FnMut(),
) -> Result<BenchReport, crate::train::TrainError> {
    config.validate()?;
    let values = Parameters::initial_values(&config.space, config.seed);
    let parameters = Parameters::from_values(&config.space, &values, device);
    let data = Arc::new(images.clone());
    let start = |workers| {
        let config = Arc::new(TrainConfig { workers, ..config.clone() });
        Workers::start(config, &parameters, data.clone(), preprocessing, device)
    };
    let (one, two) = (start(1), start(2));
    let sandwich = |step| step_children(&config.space, config.seed, step, config.random_children).map(Arc::new);
    let biggest: Arc<Vec<Network>> = Arc::new(vec![config.space.lower(&config.space.biggest())?]);
    let mut predicted = 0.0;
    for step in 0..steps {
        let madds: u64 = sandwich(step)?.iter().map(|network| network.cost().madds.0).sum();
        predicted += madds as f64 / biggest[0].cost().madds.0 as f64 / steps as f64;
    }
    let measure = |workers: &Workers, count: u64, alone: bool| -> Result<(f64, f64), crate::train::TrainError> {
        let total = count * u64::from(config.batch_size);
        let indices: Vec<u32> = (0..total as u32).map(|index| index % data.len() as u32).collect();
        let children = |step| if alone { Ok(biggest.clone()) } else { sandwich(step) };
        workers.step_of(0, 0, &indices, children(0)?)?; // warm: kernels are compiled, memory is there
        let clock = Clock::start(0.0, 0.0);
        for step in 0..steps {
            workers.step_of(step, 0, &indices, children(step)?)?;
        }
        let (cpu_s, wall_s) = clock.elapsed();
        let seen = (steps * total) as f64;
        Ok((seen / cpu_s, seen / wall_s))
    };
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..rounds.max(1) {
        let alone = measure(&one, 1, true)?;
        let four = measure(&one, 1, false)?;
        let both = measure(&two, 2, false)?;
        for (rates, rate) in rates.iter_mut().zip([alone.0, four.0, four.1, both.1]) {
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
