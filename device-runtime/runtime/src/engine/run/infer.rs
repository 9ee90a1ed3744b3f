use crate::Error;
use crate::engine::plan::{Route, activation_bytes};
use crate::engine::run::frame::{Frame, Source};
use crate::engine::run::texture::BoundTexture;
use crate::engine::{PreparedChild, Supernet};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::gpu::{Lease, Staging};
use nestling_core::image::{Image, Orientation};
use nestling_shaders::{Kernel, ResizeParameters};
use std::collections::VecDeque;
use std::sync::{Arc, MutexGuard, PoisonError};

/// The resize parameters that the GPU holds: written again only when they change.
pub(in crate::engine) type ResizeState = ResizeParameters;

/// The input of an inference.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) enum Input<'a> {
    /// An 8-bit image of any size.
    Image(&'a Image<'a>),
    /// A texture of any size, and how it must be turned.
    Texture(&'a BoundTexture, Orientation),
    /// A normalised tensor, `[channels][height][width]`.
    Tensor(&'a [f32]),
}

/// A frame that the GPU can read.
pub(in crate::engine) enum Bound<'a> {
    Pixels(Image<'a>),
    Texture(Arc<BoundTexture>, Orientation),
}

impl Bound<'_> {
    pub(in crate::engine) fn input(&self) -> Input<'_> {
        match self {
            Self::Pixels(image) => Input::Image(image),
            Self::Texture(texture, orientation) => Input::Texture(texture, *orientation),
        }
    }
}

/// An inference on its way.
pub(super) struct Pending {
    lease: Lease,
    submission: wgpu::SubmissionIndex,
}

const ACTION: &str = "an inference";

impl Supernet {
    /// Classifies one image, of pixels or a texture: resizes and normalises it on the GPU, runs the child, and returns
    /// the logits, one a class.
    ///
    /// Blocks until the answer is there. May be called from several threads at once.
    ///
    /// # Errors
    /// [`Error::ImageTooLarge`], [`Error::Texture`], [`Error::Foreign`], or [`Error`] if the device is lost or does
    /// not answer in time.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn infer<'a>(&self, child: &PreparedChild, frame: impl Into<Frame<'a>>) -> Result<Vec<f32>, Error> {
        block_on(self.run_frame(child, frame.into()))
    }

    /// The same without blocking.
    ///
    /// # Errors
    /// As [`Supernet::infer`].
    pub async fn infer_async<'a>(&self, child: &PreparedChild, frame: impl Into<Frame<'a>>) -> Result<Vec<f32>, Error> {
        self.run_frame(child, frame.into()).await
    }

    /// Runs the child on a tensor that is resized and normalised already, `[channels][height][width]` at the child's
    /// resolution, and returns the logits.
    ///
    /// # Errors
    /// [`Error::Tensor`] if the length is wrong; otherwise as [`Supernet::infer`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn infer_tensor(&self, child: &PreparedChild, tensor: &[f32]) -> Result<Vec<f32>, Error> {
        block_on(self.run(child, Input::Tensor(tensor)))
    }

    /// Classifies many images, each of pixels or a texture, and keeps the GPU busy while answers are read. Logits are
    /// in the images' order.
    ///
    /// # Errors
    /// As [`Supernet::infer`], of the first image that fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn infer_many<'a, F>(&self, child: &PreparedChild, frames: &[F]) -> Result<Vec<Vec<f32>>, Error>
    where
        for<'b> &'b F: Into<Frame<'a>>,
    {
        block_on(self.infer_many_async(child, frames))
    }

    /// The same without blocking.
    ///
    /// # Errors
    /// As [`Supernet::infer`], of the first image that fails.
    pub async fn infer_many_async<'a, F>(&self, child: &PreparedChild, frames: &[F]) -> Result<Vec<Vec<f32>>, Error>
    where
        for<'b> &'b F: Into<Frame<'a>>,
    {
        let mut answers = Vec::with_capacity(frames.len());
        let mut pending: VecDeque<Pending> = VecDeque::new();
        for frame in frames {
            let bound = self.bind(frame.into()).await?;
            // Waiting for another thread's buffer while holding some could wait for ever: finish one's own instead.
            let lease = loop {
                if let Some(lease) = self.answers.try_take() {
                    break lease;
                }
                match pending.pop_front() {
                    Some(oldest) => answers.push(self.finish(oldest).await?),
                    None => break self.answers.take().await,
                }
            };
            pending.push_back(self.submit(child, bound.input(), lease).await?);
        }
        for one in pending {
            answers.push(self.finish(one).await?);
        }
        Ok(answers)
    }

    async fn run_frame(&self, child: &PreparedChild, frame: Frame<'_>) -> Result<Vec<f32>, Error> {
        let bound = self.bind(frame).await?;
        self.run(child, bound.input()).await
    }

    /// Makes a frame readable: pixels are sent later, a texture is bound now.
    pub(in crate::engine) async fn bind<'a>(&self, frame: Frame<'a>) -> Result<Bound<'a>, Error> {
        match frame.source() {
            Source::Pixels(image) => Ok(Bound::Pixels(image)),
            Source::Texture(texture, orientation) => Ok(Bound::Texture(self.bind_texture(texture).await?, orientation)),
        }
    }

    pub(in crate::engine) async fn run(&self, child: &PreparedChild, input: Input<'_>) -> Result<Vec<f32>, Error> {
        let lease = Staging::take(&self.answers).await;
        let pending = self.submit(child, input, lease).await?;
        self.finish(pending).await
    }

    async fn submit(&self, child: &PreparedChild, input: Input<'_>, lease: Lease) -> Result<Pending, Error> {
        self.check_own(child)?;
        self.context.check(ACTION)?;
        let bytes = activation_bytes(self.space.classes, 1);
        let (submission, verdict) = {
            let mut state = self.lock();
            self.upload(child, input, &mut state)?;
            self.context.guarded(ACTION, || {
                let mut commands = self.context.encoder();
                {
                    let mut pass = commands.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                    self.encode_input(input, &state, &mut pass)?;
                    self.encode_layers(child, &mut pass);
                }
                commands.copy_buffer_to_buffer(&self.arena.block, 0, lease.buffer(), 0, bytes);
                Ok::<_, Error>(self.context.submit(commands))
            })
        };
        verdict.await?;
        Ok(Pending { lease, submission: submission? })
    }

    async fn finish(&self, pending: Pending) -> Result<Vec<f32>, Error> {
        let bytes = activation_bytes(self.space.classes, 1);
        let read = pending.lease.read(&self.context, ACTION, pending.submission, bytes).await?;
        let mut logits: Vec<f32> = bytemuck::pod_collect_to_vec(&read);
        logits.truncate(self.space.classes as usize);
        if let Some(background) = &self.background {
            background.release();
        }
        Ok(logits)
    }

    pub(in crate::engine) fn lock(&self) -> MutexGuard<'_, ResizeState> {
        self.submitting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the input tensor of what [`Supernet::upload`] prepared, unless it is one already.
    pub(in crate::engine) fn encode_input(
        &self,
        input: Input<'_>,
        resize: &ResizeState,
        pass: &mut wgpu::ComputePass<'_>,
    ) -> Result<(), Error> {
        match input {
            Input::Tensor(_) => Ok(()),
            Input::Image(_) => self.encode_resize(resize, pass),
            Input::Texture(texture, _) => self.encode_texture_resize(texture, resize, pass),
        }
    }

    /// Both passes of the resize, for the image that [`Supernet::upload`] wrote.
    pub(in crate::engine) fn encode_resize(
        &self,
        resize: &ResizeState,
        pass: &mut wgpu::ComputePass<'_>,
    ) -> Result<(), Error> {
        let specialisation = self.planner.unspecialised(Kernel::ResizeColumns);
        pass.set_pipeline(self.current_pipelines().require(Kernel::ResizeColumns, specialisation)?);
        pass.set_bind_group(0, &**self.arena.bind_group(Route::ImageToExpanded), &[0]);
        pass.dispatch_workgroups(resize.fitted[0].div_ceil(specialisation.workgroup), resize.source[1], 1);
        self.encode_resize_rows(resize, pass)
    }

    /// The second pass of the resize, the same wherever the pixels come from.
    pub(super) fn encode_resize_rows(
        &self,
        resize: &ResizeState,
        pass: &mut wgpu::ComputePass<'_>,
    ) -> Result<(), Error> {
        let target = resize.target_side;
        let specialisation = self.planner.unspecialised(Kernel::ResizeRows);
        pass.set_pipeline(self.current_pipelines().require(Kernel::ResizeRows, specialisation)?);
        pass.set_bind_group(0, &**self.arena.bind_group(Route::ExpandedToFiltered), &[0]);
        pass.dispatch_workgroups(target.div_ceil(specialisation.workgroup), target, 1);
        Ok(())
    }

    pub(super) fn encode_layers(&self, child: &PreparedChild, pass: &mut wgpu::ComputePass<'_>) {
        for dispatch in self.dispatches(child) {
            self.encode(dispatch, pass);
        }
    }

    pub(in crate::engine) fn encode(&self, dispatch: &super::prepare::Dispatch, pass: &mut wgpu::ComputePass<'_>) {
        let [x, y, z] = dispatch.workgroups;
        pass.set_pipeline(&dispatch.pipeline);
        pass.set_bind_group(0, &**self.arena.bind_group(dispatch.route), &[dispatch.parameters]);
        pass.dispatch_workgroups(x, y, z);
    }
}
