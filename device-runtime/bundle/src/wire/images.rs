use super::codes::Coded;
use crate::{BundleError, BundledImages};
use nestling_core::image::{self, Fit, PixelFormat};
use serde::{Deserialize, Serialize};

/// How pixels become a network's input.
#[derive(Serialize, Deserialize)]
pub(crate) struct Preprocessing {
    means: Vec<f32>,
    standard_deviations: Vec<f32>,
    centre_fraction: f32,
}

/// The kind of a bundle's images.
#[derive(Serialize, Deserialize)]
pub(crate) struct Images {
    side: u32,
    format: u32,
    calibration: u32,
    check_labels: Vec<u16>,
}

impl From<&image::Preprocessing> for Preprocessing {
    fn from(preprocessing: &image::Preprocessing) -> Self {
        // The fit is a field of its own.
        let image::Preprocessing { means, standard_deviations, centre_fraction, fit: _ } = preprocessing.clone();
        Self { means, standard_deviations, centre_fraction }
    }
}

impl Preprocessing {
    pub(crate) fn fitted(self, fit: Fit) -> image::Preprocessing {
        let Self { means, standard_deviations, centre_fraction } = self;
        image::Preprocessing { means, standard_deviations, centre_fraction, fit }
    }
}

impl From<&BundledImages> for Images {
    fn from(images: &BundledImages) -> Self {
        let BundledImages { side, format, calibration, check_labels } = images.clone();
        Self { side, format: format.code(), calibration, check_labels }
    }
}

impl TryFrom<Images> for BundledImages {
    type Error = BundleError;

    fn try_from(images: Images) -> Result<Self, BundleError> {
        let Images { side, format, calibration, check_labels } = images;
        Ok(Self { side, format: PixelFormat::from_code(format)?, calibration, check_labels })
    }
}
