//! Whether the device computes what the trainer computes: the same children, the same images, both logits.

use crate::calibrate::calibrate;
use crate::data::Dataset;
use crate::evaluate::logits;
use crate::model::{ImageSizes, Parameters, values_of};
use crate::train::{generator, purpose};
use nestling::Error;
use nestling::engine::{EngineOptions, Supernet};
use nestling::gpu::Context;
use nestling_bundle::Bundle;
use nestling_core::image::{Image, preprocess};
use nestling_core::reference::{SharedWeights, forward};
use nestling_core::space::{CalibratedChild, Network, SpaceError};
use serde::{Deserialize, Serialize};
use tch::Device;

/// Images of a child that the f64 reference, which is slow, looks at too.
const REFERENCE_IMAGES: usize = 4;

/// How far device and trainer are apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParityReport {
    /// Children compared.
    pub children: usize,
    /// Images a child.
    pub images: usize,
    /// Largest difference of a logit between device and trainer, over the largest logit of that image.
    pub max_relative_error: f64,
    /// The same between device and the f64 reference, on the first `reference_images` of each child.
    pub max_relative_error_to_reference: f64,
    /// Images a child that the reference, which is slow, looked at.
    pub reference_images: usize,
    /// Share of images for which both name the same class.
    pub top1_agreement: f64,
    /// Where the device part ran.
    pub adapter: String,
}

/// Why device and trainer could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParityError {
    /// A child cannot be calibrated.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// The device refused.
    #[error(transparent)]
    Engine(#[from] Error),
    /// An image is wrong.
    #[error(transparent)]
    Image(#[from] nestling_core::image::ImageError),
    /// The bundle is wrong.
    #[error(transparent)]
    Bundle(#[from] nestling_bundle::BundleError),
}

/// Compares the bundle's smallest and biggest child and `random` children of its space, these calibrated on `calibration`, on `images`.
///
/// # Errors
/// [`ParityError`] if a child or the device refuses; a difference is no error but a number in the report.
pub fn parity(
    bundle: &Bundle,
    context: &Context,
    random: usize,
    calibration: &Dataset,
    images: &Dataset,
    mut progress: impl FnMut(usize, usize),
) -> Result<ParityReport, ParityError> {
    let (space, preprocessing) = (bundle.space(), &bundle.manifest().preprocessing);
    let parameters = Parameters::from_values(space, bundle.weights(), Device::Cpu);
    let side = images.images.width;
    let sizes = ImageSizes::new(space, preprocessing, side, Device::Cpu);
    let supernet = Supernet::load(context, space, bundle.weights(), preprocessing, &EngineOptions::default())?;
    let mut children: Vec<(Network, CalibratedChild)> = Vec::new();
    for name in ["smallest", "biggest"] {
        let child = bundle.child(name)?;
        children.push((child.network.clone(), child.calibrated.clone()));
    }
    let mut draw = generator(0, purpose::PARITY, 0);
    for _ in 0..random {
        let network = space.lower(&space.sample(&mut draw))?;
        let calibrated = calibrate(&network, &parameters, &sizes, calibration, 128)?;
        children.push((network, calibrated));
    }
    let shared = SharedWeights { layout: bundle.layout(), values: bundle.weights() };
    let (mut worst, mut worst_to_reference, mut agreed) = (0.0f64, 0.0f64, 0usize);
    let views: Result<Vec<Image<'_>>, _> =
        images.images.iter().map(|pixels| Image::grey8(side, images.images.height, pixels)).collect();
    let views = views?;
    for (done, (network, calibrated)) in children.iter().enumerate() {
        let host = logits(calibrated, network, &parameters, &sizes, images, 128);
        let prepared = supernet.prepare(calibrated)?;
        let device = supernet.infer_many(&prepared, &views)?;
        for (index, device) in device.iter().enumerate() {
            let host_logits = values_of(&host.get(index as i64));
            worst = worst.max(relative(device, &host_logits.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()));
            agreed += usize::from(top(device) == top(&host_logits));
        }
        for (view, device) in views.iter().zip(&device).take(REFERENCE_IMAGES) {
            let input = preprocess(view, preprocessing, network.child.resolution);
            let outputs = forward(network, &shared, calibrated.statistics(), &input);
            worst_to_reference =
                worst_to_reference.max(outputs.last().map_or(f64::INFINITY, |last| relative(device, last)));
        }
        progress(done + 1, children.len());
    }
    Ok(ParityReport {
        children: children.len(),
        images: images.len(),
        max_relative_error: worst,
        max_relative_error_to_reference: worst_to_reference,
        reference_images: REFERENCE_IMAGES.min(images.len()),
        top1_agreement: agreed as f64 / (children.len() * images.len()).max(1) as f64,
        adapter: context.facts().to_string(),
    })
}

fn relative(got: &[f32], expected: &[f64]) -> f64 {
    let largest = expected.iter().fold(f64::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
    let errors = got.iter().zip(expected).map(|(got, expected)| (f64::from(*got) - expected).abs());
    // `max` would drop a NaN: it counts as infinitely wrong.
    errors.fold(0.0, |worst: f64, error| if error.is_nan() { f64::INFINITY } else { worst.max(error) }) / largest
}

fn top(logits: &[f32]) -> Option<usize> {
    (0..logits.len()).max_by(|&a, &b| logits[a].total_cmp(&logits[b]))
}
