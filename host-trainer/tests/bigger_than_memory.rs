//! Trainings that would not fit: parts of a batch, activations that are computed again, and memory that is predicted.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

mod common;

use common::{Place, succeed};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::space::{SearchSpace, ValidatedSpace};
use nestling_train::model::{Parameters, Regularisation, Resizer, segments};
use nestling_train::ranks::Ranks;
use nestling_train::throughput::throughput;
use nestling_train::torch;
use nestling_train::train::{
    Batch, Checkpoint, Estimate, Precision, StepOptions, TrainConfig, sandwich_step, step_children,
};
use std::sync::Mutex;
use tch::{Device, Kind, Tensor};

/// The memory of a process is counted as a whole: one test at a time.
static ONE: Mutex<()> = Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn table1(resolution: u32) -> SearchSpace {
    SearchSpace { resolutions: vec![resolution], ..SearchSpace::table1() }
}

#[test]
fn a_batch_in_two_parts_of_one_worker_trains_as_two_workers() {
    let _one = alone();
    let place = Place::new();
    let shared = std::fs::read_to_string(place.path("config.toml")).unwrap();
    let weights = |run: &str, keys: &str| {
        std::fs::write(place.path("config.toml"), [keys, &*shared].concat()).unwrap();
        succeed(place.train(run).args(["--epochs", "1"]));
        Checkpoint::read(&place.path(run).join("checkpoint.safetensors")).unwrap().weights
    };
    let two = weights("two", "workers = 2\n");
    let parts = weights("parts", "workers = 1\naccumulate = 2\n");
    let whole = weights("whole", "workers = 1\n");
    let largest = two.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    let apart = |other: &[f32]| two.iter().zip(other).fold(0.0f32, |most, (a, b)| most.max((a - b).abs())) / largest;
    assert!(apart(&parts) < 1e-5, "{}", apart(&parts));
    assert!(apart(&whole) > 1e-4, "batch norm sees other images: {}", apart(&whole));
}

fn preprocessing(space: &ValidatedSpace) -> Preprocessing {
    let channels = space.input_channels as usize;
    let (means, standard_deviations) = (vec![0.4; channels], vec![0.3; channels]);
    Preprocessing { means, standard_deviations, centre_fraction: 1.0, fit: Fit::Crop }
}

/// Gradient and losses of a sandwich step with dropout and stochastic depth.
fn step(space: &ValidatedSpace, kind: Kind, recompute: bool) -> (Tensor, Vec<f64>) {
    let values = Parameters::initial_values(space, 7);
    // No gamma is 0: every block has a gradient.
    let values: Vec<f32> = values.iter().map(|value| if *value == 0.0 { 0.05 } else { *value }).collect();
    let parameters = Parameters::from_values(space, &values, Device::Cpu);
    let side = *space.resolutions.iter().max().unwrap();
    let resizer = Resizer::new(space, &preprocessing(space), side, Device::Cpu);
    let children = step_children(space, 3, 0, 2).unwrap();
    let (count, channels) = (3i64, i64::from(space.input_channels));
    tch::manual_seed(11);
    let skips = children[0].layers.iter().filter(|layer| layer.residual.is_some()).count();
    let mask = |shape: &[i64]| Tensor::rand(shape, (Kind::Float, Device::Cpu)).ge(0.3).to_kind(Kind::Float) / 0.7;
    let batch = Batch {
        images: (Tensor::rand([count, channels, side.into(), side.into()], (Kind::Float, Device::Cpu)) * 255.0).round(),
        classes: Tensor::from_slice(&[0i64, 2, 1]),
        partners: None,
        regularisation: Regularisation {
            dropout: Some(mask(&[count, children[0].classifier_inputs().into()])),
            depth: (0..skips).map(|_| mask(&[count, 1, 1, 1])).collect(),
        },
    };
    let losses = sandwich_step(
        &parameters,
        &children,
        &resizer,
        &batch,
        StepOptions { kind, recompute, ..StepOptions::default() },
    );
    (parameters.gradient(), losses)
}

#[test]
fn activations_that_are_computed_again_give_the_same_gradients() {
    let _one = alone();
    torch::initialise();
    for (space, kind) in
        [(SearchSpace::fashion(), Kind::Float), (table1(32), Kind::Float), (SearchSpace::fashion(), Kind::BFloat16)]
    {
        let space = space.validated().unwrap();
        let biggest = space.lower(&space.biggest()).unwrap();
        assert!(segments(&biggest).len() > 3, "{:?}", segments(&biggest));
        let ((kept, losses), (again, losses_again)) = (step(&space, kind, false), step(&space, kind, true));
        let length = |gradient: &Tensor| f64::try_from(gradient.norm()).unwrap();
        let apart = length(&(&kept - again)) / length(&kept);
        println!("{} {kind:?}: apart by {apart:.1e} of the gradient", space.name);
        assert!(apart < 1e-6, "{apart}");
        assert_eq!(losses, losses_again);
    }
}

#[test]
fn predicted_memory_is_that_of_a_step_within_10_percent() {
    let _one = alone();
    torch::initialise();
    let mut ratios = Vec::new();
    // libtorch's own operators, as on a GPU: bf16.
    for (space, batch, recompute) in
        [(table1(32), 2, false), (SearchSpace::fashion(), 128, false), (SearchSpace::fashion(), 128, true)]
    {
        let name = space.name.clone();
        let precision = Precision::Bf16;
        let config =
            TrainConfig { batch_size: batch, workers: 1, precision, recompute, space, ..TrainConfig::default() };
        let predicted = Estimate::new(&config, batch as usize, 1.0).unwrap().memory.peak_bf16 as f64;
        let measured = throughput(&config, Device::Cpu, 1, 1, Ranks::just_one(), || ()).unwrap();
        let measured = measured.peak_bytes.unwrap() as f64;
        let ratio = predicted / measured;
        println!(
            "{name}, {batch} images, recompute {recompute}: predicted {:.1} MB, measured {:.1} MB, ratio {ratio:.3}",
            predicted / 1e6,
            measured / 1e6
        );
        ratios.push(ratio);
    }
    assert!(ratios.iter().all(|ratio| (0.9..=1.1).contains(ratio)), "{ratios:?}");
}
