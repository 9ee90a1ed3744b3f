use super::ParityError;
use super::device::Device;
use crate::model::{Norm, Parameters, forward, norm_tensors, values_of};
use crate::untrained::noise_images;
use nestling_bundle::Bundle;
use nestling_core::image::{Fit, Image, preprocess};
use tch::{Tensor, no_grad};

/// One input of a child and two answers, to check another engine's conversion with.
#[derive(Clone, Debug, PartialEq)]
pub struct Golden {
    /// The normalised image, `[channels][height][width]`.
    pub input: Vec<f32>,
    /// The trainer's logits.
    pub trainer: Vec<f32>,
    /// The device's logits.
    pub device: Vec<f32>,
}

/// The input of golden vectors.
#[derive(Clone, Copy, Debug)]
pub enum GoldenInput<'a> {
    /// A smooth random image of this seed.
    Noise(u64),
    /// A picture. The device resizes and normalises it itself; the trainer reads the result of the definition in core.
    Picture(&'a Image<'a>),
}

/// A bundle on both sides, trainer and device.
pub struct GoldenMaker<'a> {
    bundle: &'a Bundle,
    parameters: Parameters,
    device: Device,
}

impl<'a> GoldenMaker<'a> {
    /// Loads the bundle on both sides; `largest_square` is the largest shorter side of the pictures to come.
    ///
    /// # Errors
    /// [`ParityError`] if this machine's device does not take it.
    pub fn open(bundle: &'a Bundle, largest_square: u32) -> Result<Self, ParityError> {
        let parameters = Parameters::from_values(bundle.space(), &bundle.weights()?, tch::Device::Cpu);
        Ok(Self { bundle, parameters, device: Device::open(bundle, largest_square)? })
    }

    /// How its networks read pictures that are no squares.
    pub fn fit(&self) -> Fit {
        self.bundle.manifest().preprocessing.fit
    }

    /// The adapter of the device half.
    pub fn adapter(&self) -> String {
        self.device.adapter()
    }

    /// Runs the child at `index` of the bundle on one input, on both sides.
    ///
    /// # Errors
    /// [`ParityError`] if the device refuses the child or the input.
    ///
    /// # Panics
    /// If `index` is no place in [`Bundle::children`].
    pub fn make(&self, index: usize, input: GoldenInput<'_>) -> Result<Golden, ParityError> {
        let calibrated = &self.bundle.calibrated()[index];
        let network = &self.bundle.networks()[index];
        let (input, device) = match input {
            GoldenInput::Noise(seed) => {
                let input = values_of(&noise_images(network, seed, 1));
                let logits = self.device.logits_of_input(calibrated, &input)?;
                (input, logits)
            }
            GoldenInput::Picture(image) => {
                let wide = preprocess(image, &self.bundle.manifest().preprocessing, network.child.resolution);
                let logits = self.device.logits(calibrated, &[*image])?.concat();
                (wide.iter().map(|&value| value as f32).collect(), logits)
            }
        };
        let norms = norm_tensors(network, calibrated.statistics(), self.parameters.flat());
        let shape = [1, network.input.channels, network.input.height, network.input.width].map(i64::from);
        let image = Tensor::from_slice(&input).view(shape);
        let norm = Norm::Calibrated(&norms);
        let trainer = no_grad(|| values_of(&forward(network, &self.parameters, &image, norm, None).flatten(0, -1)));
        Ok(Golden { input, trainer, device })
    }
}
