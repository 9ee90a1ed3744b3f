use crate::Error;
use crate::engine::run::infer::{Input, ResizeState};
use crate::engine::run::square;
use crate::engine::{PreparedChild, Supernet};
use crate::gpu::Upload;
use nestling_core::image::{Crop, Image};
use nestling_shaders::ResizeParameters;

impl Supernet {
    /// Writes the input, or for a texture only how it is read; returns whether it must be resized.
    pub(in crate::engine) fn upload(
        &self,
        child: &PreparedChild,
        input: Input<'_>,
        state: &mut ResizeState,
    ) -> Result<bool, Error> {
        match input {
            Input::Tensor(tensor) => {
                self.upload_tensor(child, tensor)?;
                Ok(false)
            }
            Input::Image(image) => {
                self.upload_image(child, image, state)?;
                Ok(true)
            }
            Input::Texture(texture, orientation) => {
                let stored = (texture.width, texture.height);
                let (width, height) = orientation.size(stored.0, stored.1);
                let crop = Crop::centred(width, height, self.preprocessing.centre_fraction, 1);
                self.check_side(crop)?;
                let pixels = square::of_texture(stored, orientation, crop, self.space.input_channels);
                self.upload_resize(self.resize_parameters(child, crop.side, pixels), state);
                Ok(true)
            }
        }
    }

    fn upload_tensor(&self, child: &PreparedChild, tensor: &[f32]) -> Result<(), Error> {
        let shape = child.network().input;
        if tensor.len() != shape.len() {
            let (child, shape, expected) = (child.to_string(), shape.to_string(), shape.len());
            return Err(Error::Tensor { child, shape, expected, given: tensor.len() });
        }
        let pixels = shape.pixels() as usize;
        let value = |pixel: usize, lane: usize| tensor.get(lane * pixels + pixel).copied().unwrap_or(0.0);
        let packed: Vec<[f32; 4]> = (0..pixels).map(|pixel| std::array::from_fn(|lane| value(pixel, lane))).collect();
        self.context.upload(Upload::Input, &self.arena.filtered, 0, bytemuck::cast_slice(&packed));
        Ok(())
    }

    fn upload_image(&self, child: &PreparedChild, image: &Image<'_>, state: &mut ResizeState) -> Result<(), Error> {
        let crop = image.crop(self.preprocessing.centre_fraction);
        self.check_side(crop)?;
        let (bytes, pixels) = square::of_image(image, crop, self.space.input_channels);
        self.upload_resize(self.resize_parameters(child, crop.side, pixels), state);
        self.context.upload(Upload::Input, &self.arena.image, 0, &bytes);
        Ok(())
    }

    fn check_side(&self, crop: Crop) -> Result<(), Error> {
        let max = self.options.max_image_side;
        if crop.side > max { Err(Error::ImageTooLarge { side: crop.side, max }) } else { Ok(()) }
    }

    fn upload_resize(&self, wanted: ResizeParameters, state: &mut ResizeState) {
        if *state != wanted {
            self.context.upload(Upload::Input, &self.arena.parameters, 0, bytemuck::bytes_of(&wanted));
            *state = wanted;
        }
    }

    /// Adds what does not depend on where the pixels are.
    fn resize_parameters(&self, child: &PreparedChild, side: u32, pixels: ResizeParameters) -> ResizeParameters {
        let channels = self.space.input_channels;
        let each = |value: &dyn Fn(usize) -> f64| {
            std::array::from_fn(|lane| if lane < channels as usize { value(lane) as f32 } else { 0.0 })
        };
        let mean = |lane: usize| f64::from(self.preprocessing.means[lane]);
        let deviation = |lane: usize| f64::from(self.preprocessing.standard_deviations[lane]);
        ResizeParameters {
            source_side: side,
            target_side: child.network().input.width,
            scale: each(&|lane| 1.0 / (255.0 * deviation(lane))),
            shift: each(&|lane| -mean(lane) / deviation(lane)),
            ..pixels
        }
    }
}
