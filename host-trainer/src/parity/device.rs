//! The device half of a comparison: the only place of the trainer that uses the device runtime.

use super::ParityError;
use nestling::low_level::{EngineOptions, Supernet};
use nestling::{Context, ContextOptions};
use nestling_bundle::Bundle;
use nestling_core::image::Image;
use nestling_core::space::CalibratedChild;

/// A bundle's supernet on this machine's default adapter.
pub(super) struct Device(Supernet);

impl Device {
    /// Loads the weights of `bundle`, with a `max_image_side` of at least `largest_side`.
    pub fn open(bundle: &Bundle, largest_side: u32) -> Result<Self, ParityError> {
        let context = Context::new(&ContextOptions::default())?;
        let mut options = EngineOptions::default();
        options.max_image_side = options.max_image_side.max(largest_side);
        let preprocessing = &bundle.manifest().preprocessing;
        Ok(Self(Supernet::load(&context, bundle.space(), &bundle.weights()?, preprocessing, &options)?))
    }

    /// The adapter, its driver and its backend.
    pub fn adapter(&self) -> String {
        self.0.context().facts().to_string()
    }

    /// The logits of each image.
    pub fn logits(&self, child: &CalibratedChild, images: &[Image<'_>]) -> Result<Vec<Vec<f32>>, ParityError> {
        Ok(self.0.infer_many(&self.0.prepare(child)?, images)?)
    }

    /// The logits of one normalised image, `[channels][height][width]`.
    pub fn logits_of_input(&self, child: &CalibratedChild, input: &[f32]) -> Result<Vec<f32>, ParityError> {
        Ok(self.0.infer_tensor(&self.0.prepare(child)?, input)?)
    }
}
