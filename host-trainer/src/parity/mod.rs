//! Comparison of the device with the trainer: the same children, the same images, both logits.
//!
//! [`parity`] reports how far they are apart. [`GoldenMaker`] writes down both answers for other engines.

mod device;
mod golden;

pub use golden::{Golden, GoldenInput, GoldenMaker};

use crate::calibrate::{CalibrateError, calibrate};
use crate::data::{DataError, Dataset};
use crate::evaluate::logits;
use crate::model::{Parameters, Resizer, values_of};
use crate::random::{Purpose, generator};
use device::Device;
use nestling_bundle::{Bundle, BundleError};
use nestling_core::image::{ImageError, preprocess};
use nestling_core::metrics::most_probable;
use nestling_core::reference::{SharedWeights, forward};
use nestling_core::space::{CalibratedChild, Network, SpaceError};
use serde::{Deserialize, Serialize};

/// Images of a child that the f64 reference, which is slow, computes too.
const REFERENCE_IMAGES: usize = 4;

/// The distance between device and trainer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParityReport {
    /// Number of compared children.
    pub children: usize,
    /// Number of images for each child.
    pub images: usize,
    /// Largest difference of a logit between device and trainer, over the largest logit of that image.
    pub max_relative_error: f64,
    /// The same between device and the f64 reference, on the first `reference_images` of each child.
    pub max_relative_error_to_reference: f64,
    /// Number of images for each child that the reference computed.
    pub reference_images: usize,
    /// Share of images for which both name the same class.
    pub top1_agreement: f64,
    /// The adapter that the device half ran on.
    pub adapter: String,
}

/// The reason why device and trainer could not be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParityError {
    /// The images do not fit the bundle.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A child is not in the space.
    #[error(transparent)]
    Space(#[from] SpaceError),
    /// A child cannot be calibrated.
    #[error(transparent)]
    Calibrate(#[from] CalibrateError),
    /// There is no usable adapter, or the device refused.
    #[error(transparent)]
    Device(#[from] nestling::Error),
    /// An image is wrong.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// The bundle is wrong, or has no such child.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

impl ParityError {
    /// A stable name of this kind of error, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Data(error) => error.code(),
            Self::Space(error) => error.code(),
            Self::Calibrate(error) => error.code(),
            Self::Device(error) => error.code(),
            Self::Image(error) => error.code(),
            Self::Bundle(error) => error.code(),
        }
    }
}

/// Compares the smallest and the biggest shipped child of a bundle and `random` children of its space on `images`.
///
/// The random children are calibrated on `calibration`. `progress` is called with the number of children done and to
/// do.
///
/// # Errors
/// [`ParityError`] if a child or the device refuses; a difference is not an error but a number in the report.
pub fn parity(
    bundle: &Bundle,
    random: usize,
    calibration: &Dataset,
    images: &Dataset,
    mut progress: impl FnMut(usize, usize),
) -> Result<ParityReport, ParityError> {
    images.check_fits(bundle.space())?;
    let (space, preprocessing) = (bundle.space(), &bundle.manifest().preprocessing);
    let weights = bundle.weights()?;
    let parameters = Parameters::from_values(space, &weights, tch::Device::Cpu);
    // The device gets the same copies.
    let (images, calibration) = (&images.without_originals(), &calibration.without_originals());
    let side = images.side;
    let resizer = Resizer::new(space, preprocessing, side, tch::Device::Cpu);
    let children = children(bundle, random, &parameters, &resizer, calibration)?;
    let pixels = images.batches(1).collect::<Result<Vec<_>, _>>()?;
    let views = pixels.iter().map(|pixels| images.view(pixels)).collect::<Result<Vec<_>, _>>()?;
    let device = Device::open(bundle, side)?;
    let shared = SharedWeights { layout: bundle.layout(), values: &weights };
    let (mut worst, mut worst_to_reference, mut agreed) = (0.0f64, 0.0f64, 0usize);
    for (done, (network, calibrated)) in children.iter().enumerate() {
        let trainer_logits = logits(calibrated, network, &parameters, &resizer, images, 128)?;
        let device_logits = device.logits(calibrated, &views)?;
        for (index, device) in device_logits.iter().enumerate() {
            let trainer = values_of(&trainer_logits.get(index as i64));
            worst = worst.max(relative_error(device, &trainer.iter().map(|&x| f64::from(x)).collect::<Vec<_>>()));
            agreed += usize::from(most_probable(device) == most_probable(&trainer));
        }
        for (view, device) in views.iter().zip(&device_logits).take(REFERENCE_IMAGES) {
            let input = preprocess(view, preprocessing, network.child.resolution);
            let outputs = forward(network, &shared, calibrated.statistics(), &input);
            let error = outputs.last().map_or(f64::INFINITY, |last| relative_error(device, last));
            worst_to_reference = worst_to_reference.max(error);
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
        adapter: device.adapter(),
    })
}

/// The smallest and the biggest child as they ship, which may be one, and random ones.
fn children(
    bundle: &Bundle,
    random: usize,
    parameters: &Parameters,
    resizer: &Resizer,
    calibration: &Dataset,
) -> Result<Vec<(Network, CalibratedChild)>, ParityError> {
    let space = bundle.space();
    let mut children = Vec::new();
    // A bundle has them in the order of their cost.
    let names: Vec<&str> = bundle.children().iter().map(|entry| entry.name.as_str()).collect();
    let ends = match names[..] {
        [first, .., last] => vec![first, last],
        _ => names,
    };
    for name in ends {
        let child = bundle.child(name)?;
        children.push((child.network.clone(), child.calibrated.clone()));
    }
    let mut draw = generator(0, Purpose::Parity, 0);
    for _ in 0..random {
        let network = space.lower(&space.sample(&mut draw))?;
        let calibrated = calibrate(&network, parameters, resizer, calibration, 128)?;
        children.push((network, calibrated));
    }
    Ok(children)
}

/// Largest difference over the largest expected logit. A NaN counts as infinitely wrong.
fn relative_error(got: &[f32], expected: &[f64]) -> f64 {
    let largest = expected.iter().fold(f64::MIN_POSITIVE, |largest, x| largest.max(x.abs()));
    let errors = got.iter().zip(expected).map(|(got, expected)| (f64::from(*got) - expected).abs());
    // `f64::max` would drop a NaN.
    errors.fold(0.0, |worst: f64, error| if error.is_nan() { f64::INFINITY } else { worst.max(error) }) / largest
}
