use crate::Error;
use crate::engine::run::{Input, PreparedChild, Supernet};
use crate::engine::trial::{Check, compared};
use crate::gpu::{Fault, Staging};
use nestling_core::image::{Image, PixelFormat, preprocess};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

const ACTION: &str = "a resize";
/// Widths and heights: the smallest, odd ones, both directions, more and fewer than any network reads.
const SIZES: [(u32, u32); 6] = [(2, 2), (7, 5), (33, 29), (28, 28), (101, 203), (640, 480)];
/// The largest error of a normalised pixel, over the largest value of its picture or one.
const TOLERANCE: f64 = 2e-5;

impl Supernet {
    /// Compares the tensors that the GPU makes of random pictures, of every pixel format, with those of
    /// [`preprocess`](nestling_core::image::preprocess).
    ///
    /// # Errors
    /// As [`Supernet::infer`]. A wrong tensor is no error but a [deviation](Check::deviations).
    pub async fn check_resize_async(&self, child: &PreparedChild) -> Result<Check, Error> {
        let mut check = Check::new("pictures to tensors: turning, resizing, normalising".to_owned());
        let mut random = Xoshiro256PlusPlus::seed_from_u64(1);
        let sizes = SIZES
            .into_iter()
            .filter(|&(width, height)| self.preprocessing().needed_side(width, height) <= self.options.max_image_side);
        for (width, height) in sizes {
            for format in PixelFormat::ALL {
                let count = (width * height) as usize * format.bytes_per_pixel();
                let bytes: Vec<u8> = (0..count).map(|_| random.random()).collect();
                let Ok(image) = Image::new(width, height, format, &bytes) else { continue };
                let expected = preprocess(&image, self.preprocessing(), child.network().input.width);
                let elements = self.resized(child, Input::Image(&image)).await?;
                let (worst, fault) = compare(&elements, &expected, child.network().input.channels as usize);
                check.add(&format!("{width}x{height} {format:?}"), worst, fault);
            }
        }
        Ok(check)
    }

    /// The input tensor after the resize: an element of four channels for each pixel.
    pub(in crate::engine) async fn resized(
        &self,
        child: &PreparedChild,
        input: Input<'_>,
    ) -> Result<Vec<[f32; 4]>, Error> {
        let shape = child.network().input;
        let bytes = u64::from(shape.pixels()) * 16;
        let context = self.context();
        let lease = Staging::one(context, ACTION, bytes).await?;
        let (submission, verdict) = {
            let mut state = self.lock();
            self.upload(child, input, &mut state)?;
            context.guarded(ACTION, || {
                let mut commands = context.encoder();
                {
                    let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    self.encode_input(input, &state, &mut pass)?;
                }
                commands.copy_buffer_to_buffer(&self.arena.filtered, 0, lease.buffer(), 0, bytes);
                Ok::<_, Error>(context.submit(commands))
            })
        };
        verdict.await?;
        let read = lease.read(context, ACTION, submission?, bytes).await?;
        Ok(bytemuck::pod_collect_to_vec(&read))
    }
}

/// The largest error over what is allowed, and the first value that is wrong; `expected` is
/// `[channels][height][width]`, and channels beyond are zero.
fn compare(given: &[[f32; 4]], expected: &[f64], channels: usize) -> (f64, Option<Fault>) {
    let allowed = TOLERANCE * expected.iter().fold(1.0, |most: f64, value| most.max(value.abs()));
    let expected = expected.iter().copied().chain(std::iter::repeat_n(0.0, (4 - channels) * given.len()));
    let given = (0..4).flat_map(|channel| given.iter().map(move |element| element[channel]));
    compared(given.zip(expected.map(|wanted| (wanted, allowed))))
}
