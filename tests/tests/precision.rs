//! Training steps in bf16 beside the same steps in f32. On the processor they take the path of a GPU: libtorch's own
//! operators, channels last from the first layer on.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_core::space::SearchSpace;
use nestling_tests::{all_pixels, every_option, made_up_images, preprocessing, quick_config};
use nestling_train::model::{Parameters, Regularisation, Resizer};
use nestling_train::torch;
use nestling_train::train::{
    Batch, Beginning, Optimiser, Precision, StepOptions, TrainConfig, Trainer, TrainingData, UpdateRule, sandwich_step,
    step_children,
};
use tch::{Device, Kind, Tensor};

const IMAGES: usize = 32;

/// Trains some steps; returns each step's loss of the biggest child, and the first gradient.
fn steps(space: &SearchSpace, kind: Kind, count: u64) -> (Vec<f64>, Tensor) {
    let space = space.clone().validated().unwrap();
    let mut parameters = Parameters::from_values(&space, &Parameters::initial_values(&space, 7), Device::Cpu);
    let resizer = Resizer::new(&space, &preprocessing(), 28, Device::Cpu);
    let images = made_up_images(IMAGES, 3);
    let classes: Vec<i64> = images.labels.iter().map(|&label| i64::from(label)).collect();
    let batch = Batch {
        images: resizer.upload(&all_pixels(&images)),
        classes: Tensor::from_slice(&classes),
        partners: None,
        regularisation: Regularisation::default(),
    };
    let config = quick_config();
    let mut optimiser =
        Optimiser::new(UpdateRule::Sgd, parameters.flat(), parameters.decay_mask(), parameters.rates(1.0));
    let (mut losses, mut first) = (Vec::new(), None);
    for step in 0..count {
        parameters.zero_gradient();
        let children = step_children(&space, 3, step, 2).unwrap();
        let options = StepOptions { kind, ..StepOptions::default() };
        losses.push(sandwich_step(&parameters, &children, &resizer, &batch, options)[0]);
        let gradient = parameters.gradient();
        optimiser.update(parameters.flat(), &gradient, 0.05, &config, step);
        first.get_or_insert(gradient);
    }
    (losses, first.unwrap())
}

/// bf16 keeps 8 significant bits: rounding moves a number by at most 2^-9 of itself. Batch norm keeps the size of
/// activations, so the roundings of the layers add up at random: of the two of a layer (weights and outputs) in 30
/// layers, sqrt(60) * 2^-9 = 1.5 % of the logits. The loss changes by as much as the logits, which here are below 2, and
/// the steps before it moved the weights apart by as much again.
const LOSS_BOUND: f64 = 2.0 * 2.0 * 0.015;

#[test]
fn a_few_steps_in_bf16_have_the_losses_of_f32() {
    torch::initialise();
    for space in [SearchSpace::fashion(), every_option()] {
        let (exact, exact_gradient) = steps(&space, Kind::Float, 5);
        let (rounded, gradient) = steps(&space, Kind::BFloat16, 5);
        let apart: Vec<f64> = exact.iter().zip(&rounded).map(|(a, b)| (a - b).abs()).collect();
        let largest = apart.iter().copied().fold(0.0, f64::max);
        assert!(largest < LOSS_BOUND, "{}: {apart:?} between {exact:?} and {rounded:?}", space.name);
        assert!(largest > 1e-6, "{}: bf16 computed in f32", space.name);
        // The steps change the loss by far more than rounding does.
        let fell = [&exact, &rounded].map(|losses| losses[0] - losses[4]);
        assert!(fell.iter().all(|fell| *fell > 10.0 * largest), "{exact:?} {rounded:?}");
        // Weights are f32, and so are their gradients, which point where those of f32 do.
        assert_eq!(gradient.kind(), Kind::Float);
        let [product, own, other] =
            [(&gradient, &exact_gradient), (&gradient, &gradient), (&exact_gradient, &exact_gradient)]
                .map(|(a, b)| (a * b).sum(Kind::Double).double_value(&[]));
        let cosine = product / (own * other).sqrt();
        assert!(cosine > 0.98, "{}: gradients at a cosine of {cosine}", space.name);
    }
}

#[test]
fn a_run_in_bf16_learns_and_is_repeatable() {
    let device = torch::initialise().device;
    let run = |precision| {
        let config = TrainConfig { epochs: 1, workers: 1, precision, ..quick_config() };
        let (images, held_out) = (made_up_images(320, 1), made_up_images(64, 2));
        let preprocessing = preprocessing();
        let data = TrainingData {
            images: &images,
            held_out: Some(&held_out),
            preprocessing: &preprocessing,
            classes: None,
            split: None,
        };
        let mut trainer = Trainer::new(config, Beginning::Random, &data, device).unwrap();
        let report = trainer.epoch(|_| {}).unwrap();
        (report, trainer.checkpoint())
    };
    let ((report, first), (_, second), (_, exact)) = (run(Precision::Bf16), run(Precision::Bf16), run(Precision::F32));
    assert!(report.biggest_loss < 2.3, "{report:?}");
    assert_eq!(report.gpu.is_some(), device.is_cuda());
    if !device.is_cuda() {
        assert!(first.weights == second.weights, "bf16 is not repeatable");
    }
    assert!(first.weights != exact.weights, "the configuration's precision has no effect");
    assert_eq!(first.config.precision, Precision::Bf16);
}
