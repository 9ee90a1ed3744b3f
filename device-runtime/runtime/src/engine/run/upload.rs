use crate::Error;
use crate::engine::run::infer::{Input, ResizeState};
use crate::engine::{PreparedChild, Supernet};
use crate::gpu::Upload;
use nestling_core::image::{Chroma, Crop, Image, PixelFormat, Pixels, Plane, chroma_samples};
use nestling_shaders::ResizeParameters;
use std::borrow::Cow;

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
            Input::Texture(texture) => {
                let crop = Crop::centred(texture.width, texture.height, self.preprocessing.centre_fraction, 1);
                self.check_side(crop)?;
                // Its texels are read as `Rgba8`, whatever their order in memory.
                let format = PixelFormat::Rgba8.number();
                let (left, top) = (crop.left, crop.top);
                let common = self.resize_parameters(child, crop.side);
                self.upload_resize(ResizeParameters { format, left, top, ..common }, state);
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
        self.upload_resize(self.image_parameters(child, image, crop.side), state);
        self.context.upload(Upload::Input, &self.arena.image, 0, &square(image, crop));
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

    /// The parameters that do not depend on where the pixels come from.
    fn resize_parameters(&self, child: &PreparedChild, side: u32) -> ResizeParameters {
        let channels = self.space.input_channels;
        let each = |value: &dyn Fn(usize) -> f64| {
            std::array::from_fn(|lane| if lane < channels as usize { value(lane) as f32 } else { 0.0 })
        };
        let mean = |lane: usize| f64::from(self.preprocessing.means[lane]);
        let deviation = |lane: usize| f64::from(self.preprocessing.standard_deviations[lane]);
        ResizeParameters {
            source_side: side,
            target_side: child.network().input.width,
            channels,
            scale: each(&|lane| 1.0 / (255.0 * deviation(lane))),
            shift: each(&|lane| -mean(lane) / deviation(lane)),
            ..ResizeParameters::default()
        }
    }

    fn image_parameters(&self, child: &PreparedChild, image: &Image<'_>, side: u32) -> ResizeParameters {
        let parameters = self.resize_parameters(child, side);
        let frame = match image.pixels() {
            Pixels::Packed(format, _) => return ResizeParameters { format: format.number(), ..parameters },
            Pixels::Yuv420(frame) => frame,
        };
        // As `square` lays them out.
        let (luma_bytes, samples) = (side * side, chroma_samples(side));
        let (cb_first, cr_first, chroma_step) = match frame.chroma {
            Chroma::Interleaved { cr_first: false, .. } => (luma_bytes, luma_bytes + 1, 2),
            Chroma::Interleaved { cr_first: true, .. } => (luma_bytes + 1, luma_bytes, 2),
            Chroma::Separate { .. } => (luma_bytes, luma_bytes + samples * samples, 1),
        };
        let factors = frame.colour.factors();
        let chroma = [factors.red_from_cr, factors.green_from_cb, factors.green_from_cr, factors.blue_from_cb];
        ResizeParameters {
            format: ResizeParameters::CAMERA_FRAME,
            cb_first,
            cr_first,
            chroma_stride: samples * chroma_step,
            chroma_step,
            chroma: chroma.map(|factor| factor as f32),
            luma: [factors.luma_scale as f32, factors.luma_shift as f32],
            ..parameters
        }
    }
}

/// The bytes of the square that is read, without gaps: pixels, or luma and then chroma.
fn square<'a>(image: &Image<'a>, crop: Crop) -> Cow<'a, [u8]> {
    let (left, side) = (crop.left as usize, crop.side as usize);
    let mut bytes = Vec::new();
    match *image.pixels() {
        Pixels::Packed(format, whole) => {
            let size = format.bytes_per_pixel();
            if (image.width(), image.height()) == (crop.side, crop.side) && whole.len().is_multiple_of(4) {
                return Cow::Borrowed(whole);
            }
            let rows = Plane::new(whole, image.width() * size as u32);
            bytes.reserve(side * side * size + 3);
            append(&mut bytes, rows, crop.top..crop.top + crop.side, left * size, side * size);
        }
        Pixels::Yuv420(frame) => {
            let samples = chroma_samples(crop.side);
            let rows = crop.top / 2..crop.top / 2 + samples;
            let (first, count) = (left / 2, samples as usize);
            bytes.reserve(side * side + 2 * count * count + 3);
            append(&mut bytes, frame.luma, crop.top..crop.top + crop.side, left, side);
            match frame.chroma {
                Chroma::Interleaved { plane, .. } => append(&mut bytes, plane, rows, 2 * first, 2 * count),
                Chroma::Separate { cb, cr, step: 1 } => {
                    append(&mut bytes, cb, rows.clone(), first, count);
                    append(&mut bytes, cr, rows, first, count);
                }
                Chroma::Separate { cb, cr, step } => {
                    let step = step as usize;
                    for (plane, row) in [cb, cr].into_iter().flat_map(|plane| rows.clone().map(move |row| (plane, row)))
                    {
                        let part = plane.part(row, first * step, (count - 1) * step + 1);
                        bytes.extend(part.iter().step_by(step));
                    }
                }
            }
        }
    }
    bytes.resize(bytes.len().next_multiple_of(4), 0); // writes are whole words
    Cow::Owned(bytes)
}

fn append(bytes: &mut Vec<u8>, plane: Plane<'_>, rows: std::ops::Range<u32>, first: usize, count: usize) {
    for row in rows {
        bytes.extend_from_slice(plane.part(row, first, count));
    }
}
