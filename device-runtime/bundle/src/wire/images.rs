use super::codes::Coded;
use crate::{BundleError, BundledImages};
use nestling_core::image::{self, PixelFormat};
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
        let image::Preprocessing { means, standard_deviations, centre_fraction } = preprocessing.clone();
        Self { means, standard_deviations, centre_fraction }
    }
}

impl From<Preprocessing> for image::Preprocessing {
    fn from(preprocessing: Preprocessing) -> Self {
        let Preprocessing { means, standard_deviations, centre_fraction } = preprocessing;
        Self { means, standard_deviations, centre_fraction }
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
