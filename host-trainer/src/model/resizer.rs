use nestling_core::image::{Crop, Preprocessing, triangle_taps};
use nestling_core::space::SearchSpace;
use std::collections::BTreeMap;
use tch::{Device, Kind, Tensor};

/// Turns 8-bit square images into normalised tensors of any resolution of a space.
///
/// Resizing is two small matrices made of the device's own filter weights ([`triangle_taps`]). Trainer and device
/// therefore read the same pixels.
#[derive(Debug)]
pub struct Resizer {
    side: u32,
    crop: Crop,
    means: Vec<f32>,
    deviations: Vec<f32>,
    matrices: BTreeMap<u32, Tensor>,
    device: Device,
}

impl Resizer {
    /// Prepares for images of `side` pixels and every resolution of `space`.
    pub fn new(space: &SearchSpace, preprocessing: &Preprocessing, side: u32, device: Device) -> Self {
        let crop = Crop::centred(side, side, preprocessing.centre_fraction, 1);
        // From whole images: the columns outside of the crop stay zero.
        let matrix = |resolution: u32| {
            let mut values = vec![0.0f32; (resolution * side) as usize];
            for (row, taps) in triangle_taps(crop.side, resolution).iter().enumerate() {
                for (column, weight) in taps.weights.iter().enumerate() {
                    values[row * side as usize + (crop.left + taps.first) as usize + column] = *weight as f32;
                }
            }
            Tensor::from_slice(&values).view([i64::from(resolution), i64::from(side)]).to_device(device)
        };
        Self {
            side,
            crop,
            means: preprocessing.means.clone(),
            deviations: preprocessing.standard_deviations.clone(),
            matrices: space.resolutions.iter().map(|&resolution| (resolution, matrix(resolution))).collect(),
            device,
        }
    }

    /// Grey images of `side * side` bytes each, one after the other, as `[count, 1, side, side]`, not yet normalised.
    pub fn upload(&self, pixels: &[u8]) -> Tensor {
        let side = i64::from(self.side);
        Tensor::from_slice(pixels).to_device(self.device).to_kind(Kind::Float).view([-1, 1, side, side])
    }

    /// Resizes and normalises images that [`Resizer::upload`] returned.
    ///
    /// # Panics
    /// If `resolution` is not one of the space's.
    pub fn resize(&self, images: &Tensor, resolution: u32) -> Tensor {
        let matrix = &self.matrices[&resolution];
        let resized = if resolution == self.side && self.crop.side == self.side {
            images.shallow_clone()
        } else {
            matrix.matmul(images).matmul(&matrix.tr())
        };
        let scale = 1.0 / (255.0 * f64::from(self.deviations[0]));
        resized * scale - f64::from(self.means[0]) / f64::from(self.deviations[0])
    }
}
