use crate::Error;
use crate::engine::run::infer::{Input, ResizeState};
use crate::engine::run::part;
use crate::engine::{PreparedChild, Supernet};
use crate::gpu::Upload;
use nestling_core::image::{Image, Orientation, Placement, Region};
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
                let placement = self.preprocessing.placement(width, height, 1, child.network().input.width);
                self.check_size(placement.source)?;
                let way = Way::of(placement);
                let pixels = part::of_texture(stored, orientation.then(way.turn), way.placement.source);
                self.upload_resize(self.resize_parameters(way, child, pixels), state);
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
        let placement = image.placement(&self.preprocessing, child.network().input.width);
        self.check_size(placement.source)?;
        let way = Way::of(placement);
        let turned = image.oriented(way.turn);
        let (bytes, pixels) = part::of_image(&turned, way.placement.source, self.space.input_channels);
        self.upload_resize(self.resize_parameters(way, child, pixels), state);
        self.context.upload(Upload::Input, &self.arena.image, 0, &bytes);
        Ok(())
    }

    /// Checks that the pixels that are read fit into the buffers that were made at load.
    fn check_size(&self, source: Region) -> Result<(), Error> {
        let (side, max) = (self.preprocessing.side_for(source), self.options.max_image_side);
        if side > max { Err(Error::ImageTooLarge { side, max }) } else { Ok(()) }
    }

    fn upload_resize(&self, wanted: ResizeParameters, state: &mut ResizeState) {
        if *state != wanted {
            self.context.upload(Upload::Input, &self.arena.parameters, 0, bytemuck::bytes_of(&wanted));
            *state = wanted;
        }
    }

    /// Adds what does not depend on where the pixels are.
    fn resize_parameters(&self, way: Way, child: &PreparedChild, pixels: ResizeParameters) -> ResizeParameters {
        let Placement { source, target } = way.placement;
        let channels = self.space.input_channels;
        let each = |value: &dyn Fn(usize) -> f64| {
            std::array::from_fn(|lane| if lane < channels as usize { value(lane) as f32 } else { 0.0 })
        };
        let mean = |lane: usize| f64::from(self.preprocessing.means[lane]);
        let deviation = |lane: usize| f64::from(self.preprocessing.standard_deviations[lane]);
        ResizeParameters {
            source: [source.width, source.height],
            fitted: [target.width, target.height],
            margin: [target.left, target.top],
            transposed: u32::from(way.turn == Orientation::Transpose),
            target_side: child.network().input.width,
            channels,
            scale: each(&|lane| 1.0 / (255.0 * deviation(lane))),
            shift: each(&|lane| -mean(lane) / deviation(lane)),
            ..pixels
        }
    }
}

/// The way through the pixels that are read: rows and columns are swapped where there are more rows. So the longer side
/// is shrunk first, and what is between the passes is never larger than for a square of as many pixels.
#[derive(Clone, Copy)]
struct Way {
    placement: Placement,
    turn: Orientation,
}

impl Way {
    fn of(placement: Placement) -> Self {
        if placement.source.height > placement.source.width {
            Self { placement: placement.transposed(), turn: Orientation::Transpose }
        } else {
            Self { placement, turn: Orientation::Upright }
        }
    }
}
