use crate::data::{DataError, Dataset};
use crate::torch::upload;
use nestling_core::image::{Preprocessing, triangle_taps};
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
    /// Rows and columns that are read.
    crop: u32,
    preprocessing: Preprocessing,
    /// Factor and summand of each channel, `[1, channels, 1, 1]`: normalised is `byte * factor + summand`.
    normalisation: [Tensor; 2],
    matrices: BTreeMap<u32, Tensor>,
    device: Device,
}

impl Resizer {
    /// Prepares for images of `side` pixels and every resolution of `space`.
    pub fn new(space: &SearchSpace, preprocessing: &Preprocessing, side: u32, device: Device) -> Self {
        // Squares look the same to every fit.
        let crop = preprocessing.source(side, side, 1);
        // From whole images: the columns outside of the crop stay zero.
        let matrix = |resolution: u32| {
            let mut values = vec![0.0f32; (resolution * side) as usize];
            for (row, taps) in triangle_taps(crop.width, resolution).iter().enumerate() {
                for (column, weight) in taps.weights.iter().enumerate() {
                    values[row * side as usize + (crop.left + taps.first) as usize + column] = *weight as f32;
                }
            }
            Tensor::from_slice(&values).view([i64::from(resolution), i64::from(side)]).to_device(device)
        };
        let channels = preprocessing.means.iter().zip(&preprocessing.standard_deviations);
        let tensor = |value: &dyn Fn(f32, f32) -> f64| {
            let values: Vec<f32> = channels.clone().map(|(&mean, &deviation)| value(mean, deviation) as f32).collect();
            Tensor::from_slice(&values).view([1, -1, 1, 1]).to_device(device)
        };
        let factor = tensor(&|_, deviation| 1.0 / (255.0 * f64::from(deviation)));
        let summand = tensor(&|mean, deviation| -f64::from(mean) / f64::from(deviation));
        Self {
            side,
            crop: crop.width,
            preprocessing: preprocessing.clone(),
            normalisation: [factor, summand],
            matrices: space.resolutions.iter().map(|&resolution| (resolution, matrix(resolution))).collect(),
            device,
        }
    }

    /// Rows and columns of the images.
    pub fn side(&self) -> u32 {
        self.side
    }

    /// Images of `side * side` pixels, one after the other, as `[count, channels, side, side]`, not yet normalised.
    pub fn upload(&self, pixels: &[u8]) -> Tensor {
        let (side, channels) = (i64::from(self.side), self.normalisation[0].size()[1]);
        let images = upload(&Tensor::from_slice(pixels), self.device).view([-1, side, side, channels]);
        images.permute([0, 3, 1, 2]).to_kind(Kind::Float).contiguous()
    }

    /// The inputs of all images at a resolution, at most `count` images at a time: from their originals if the data set
    /// has them.
    ///
    /// # Panics
    /// As [`Resizer::resize`].
    pub fn inputs(
        &self,
        images: &Dataset,
        resolution: u32,
        count: usize,
    ) -> impl Iterator<Item = Result<Tensor, DataError>> {
        let (side, channels) = (i64::from(resolution), i64::from(images.channels));
        let exact = images.exact_batches(&self.preprocessing, resolution, count);
        let copies = exact.is_none().then(|| images.batches(count));
        let exact = exact.into_iter().flatten().map(move |values| {
            Ok(Tensor::from_slice(&values?).to_device(self.device).view([-1, channels, side, side]))
        });
        let copies = copies.into_iter().flatten();
        exact.chain(copies.map(move |pixels| Ok(self.resize(&self.upload(&pixels?), resolution))))
    }

    /// Resizes and normalises images that [`Resizer::upload`] returned.
    ///
    /// # Panics
    /// If `resolution` is not one of the space's.
    pub fn resize(&self, images: &Tensor, resolution: u32) -> Tensor {
        let matrix = &self.matrices[&resolution];
        let resized = if resolution == self.side && self.crop == self.side {
            images.shallow_clone()
        } else {
            matrix.matmul(images).matmul(&matrix.tr())
        };
        let [factor, summand] = &self.normalisation;
        resized * factor + summand
    }
}
