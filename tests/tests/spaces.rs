//! Every preset, and every option of a space: the trainer computes the same as the f64 reference.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test's helpers may panic too

use nestling_core::reference::{SharedWeights, forward as reference};
use nestling_core::space::{Preset, SearchSpace};
use nestling_tests::every_option;
use nestling_train::model::{Norm, Parameters, forward, norm_tensors};
use nestling_train::torch;
use nestling_train::untrained::{calibrate_on_noise, noise_images, random_weights};
use rand::SeedableRng;
use tch::{Device, no_grad};

/// The same network on smaller, odd images and for fewer classes: the reference is slow.
fn shrunk(space: SearchSpace) -> SearchSpace {
    let resolutions = if space.resolutions.len() > 1 { vec![31, 33] } else { vec![33] };
    SearchSpace { resolutions, classes: 12, ..space }
}

#[test]
fn the_trainer_computes_what_the_reference_does_in_every_preset() {
    torch::initialise();
    for space in Preset::ALL.iter().map(|preset| preset.space()).chain([every_option()]).map(shrunk) {
        let space = space.validated().unwrap();
        let weights = random_weights(&space, 3);
        let parameters = Parameters::from_values(&space, &weights, Device::Cpu);
        let child = space.sample(&mut rand_chacha::ChaCha8Rng::seed_from_u64(4));
        let network = space.lower(&child).unwrap();
        let calibrated = calibrate_on_noise(&network, &parameters, 5).unwrap();
        let image = noise_images(&network, 6, 1);
        let norms = norm_tensors(&network, calibrated.statistics(), &image);
        let logits = no_grad(|| forward(&network, &parameters, &image, Norm::Calibrated(&norms), None));
        let mut got = vec![0.0f32; 12];
        logits.copy_data(&mut got, 12);
        let mut input = vec![0.0f32; network.input.len()];
        image.copy_data(&mut input, network.input.len());
        let wide: Vec<f64> = input.iter().map(|&value| f64::from(value)).collect();
        let shared = SharedWeights { layout: space.layout(), values: &weights };
        let expected = reference(&network, &shared, calibrated.statistics(), &wide).pop().unwrap();
        let largest = expected.iter().fold(0.0, |most: f64, value| most.max(value.abs()));
        for (got, expected) in got.iter().zip(&expected) {
            let error = (f64::from(*got) - expected).abs() / largest;
            assert!(error < 1e-4, "{}: {got} instead of {expected} ({child})", space.name);
        }
    }
}
