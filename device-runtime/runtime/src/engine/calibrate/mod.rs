//! Exact batch-norm calibration on the device (BigNAS, batch norm calibration): so that any child of the space can run,
//! not only those that ship with statistics.
//!
//! As the trainer does it: each layer's moments are taken over all images, with every layer before it already
//! normalised by its final statistics. So layers come one after the other, and each takes a pass over all images
//! ([`plan`]): from what is kept of an image (the input of its block, [`kept`]) through the block up to that layer,
//! whose sums go without batch norm to a kernel that finds their mean and centred sum of squares. The host joins images
//! in f64 ([`moments`]), folds the layer, and the next pass runs it as it will ship.
//!
//! A block of three layers so takes its expand convolution three times, its depthwise twice, its projection once: the
//! projection's sums are kept too, and become the next block's input once their statistics are known.
//!
//! Other threads can classify between submissions, in the same three buffers: every submission begins with a copy
//! of what it needs, and leaves nothing there that it needs later.

mod encode;
mod kept;
mod moments;
mod plan;
mod progress;
mod run;

use crate::Error;
use crate::engine::resources::{Pipelines, Wanted};
use crate::engine::trial::check_arithmetic;
#[cfg(not(target_arch = "wasm32"))]
use crate::engine::trial::replace_wrong;
use crate::engine::{Frame, Supernet};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use nestling_core::space::{CalibratedChild, Child};
use run::{Calibration, Given};
use std::sync::PoisonError;

const ACTION: &str = "a calibration";

impl Supernet {
    /// Computes a child's batch-norm statistics on this device, over images as the network will meet them, each of
    /// pixels or a texture: some hundred from where it will be used, no labels needed.
    ///
    /// Exact: each layer's mean and biased variance over all images, with every layer before it normalised by its final
    /// statistics, which is what one batch of all images would give. The trainer's statistics over the same images are
    /// the same but for rounding, and how the work is divided changes no bit.
    ///
    /// `progress` is called with the share that is done, from 0 to 1, by this thread. Blocks for two to three times
    /// what inferring every image takes. Other threads may infer and prepare meanwhile; an inference waits for up to
    /// two submissions, of some 10 ms or of one image, whichever is longer. Takes a free slot, and on the GPU two block
    /// tensors for every image, until it returns; the first call for a kind of layer also builds a pipeline or two.
    ///
    /// # Errors
    /// [`Error::NoImages`] if there is none, [`Error::Space`] if the space does not offer the child or the
    /// weights are so broken that a statistic is not finite, [`Error::SlotsInUse`] if no slot is free,
    /// [`Error::ImageTooLarge`] for an image beyond the options' side, [`Error::Texture`] for a texture that cannot be
    /// read, [`Error::CalibrationMemory`] if the images need more memory than there is, [`Error::FastKernels`] if the
    /// driver refused the fast pipelines, [`Error`] otherwise. The supernet is as before then.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn calibrate<'a, F>(
        &self,
        child: &Child,
        frames: &[F],
        progress: Option<&(dyn Fn(f64) + Sync)>,
    ) -> Result<CalibratedChild, Error>
    where
        for<'b> &'b F: Into<Frame<'a>>,
    {
        block_on(self.calibrate_async(child, frames, progress))
    }

    /// The same without blocking: the only way in a browser.
    ///
    /// # Errors
    /// As [`Supernet::calibrate`].
    pub async fn calibrate_async<'a, F>(
        &self,
        child: &Child,
        frames: &[F],
        progress: Option<&(dyn Fn(f64) + Sync)>,
    ) -> Result<CalibratedChild, Error>
    where
        for<'b> &'b F: Into<Frame<'a>>,
    {
        let given: Vec<Given<'_>> = frames.iter().map(|frame| Given::Frame(frame.into())).collect();
        self.calibrate_given(child, &given, progress).await
    }

    /// The same over tensors that are resized and normalised already, each `[channels][height][width]` at the child's
    /// resolution.
    ///
    /// # Errors
    /// [`Error::Tensor`] if a length is wrong; otherwise as [`Supernet::calibrate`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn calibrate_tensors(
        &self,
        child: &Child,
        tensors: &[&[f32]],
        progress: Option<&(dyn Fn(f64) + Sync)>,
    ) -> Result<CalibratedChild, Error> {
        let given: Vec<Given<'_>> = tensors.iter().map(|tensor| Given::Tensor(tensor)).collect();
        block_on(self.calibrate_given(child, &given, progress))
    }

    async fn calibrate_given(
        &self,
        child: &Child,
        given: &[Given<'_>],
        progress: Option<&(dyn Fn(f64) + Sync)>,
    ) -> Result<CalibratedChild, Error> {
        if given.is_empty() {
            return Err(Error::NoImages { child: child.to_string() });
        }
        self.context.check(ACTION)?;
        self.ready().await?;
        let mut calibration = Calibration::new(self, child, given.len(), progress).await?;
        calibration.keep_inputs(given).await?;
        calibration.finish().await
    }

    /// The pipelines that only calibration uses, with all that earlier calls built.
    async fn calibration_pipelines(&self, wanted: &Wanted) -> Result<Pipelines, Error> {
        let mut all = self.calibration.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let shipped = self.current_pipelines();
        let there = |all: &Pipelines, (kernel, specialisation)| {
            shipped.get(kernel, specialisation).or(all.get(kernel, specialisation)).cloned()
        };
        let missing: Wanted = wanted.iter().copied().filter(|&one| there(&all, one).is_none()).collect();
        if !missing.is_empty() {
            all.adopt(check_arithmetic(&self.context, self.pipelines.common(), &missing).await?);
            all.add_all(&self.context, &missing).await?;
            self.context.save_pipelines();
            #[cfg(not(target_arch = "wasm32"))]
            {
                all = replace_wrong(&self.context, all, &self.planner, &self.space).await?;
            }
            self.calibration.lock().unwrap_or_else(PoisonError::into_inner).adopt(all.clone());
        }
        all.adopt(shipped.clone());
        Ok(all)
    }
}
