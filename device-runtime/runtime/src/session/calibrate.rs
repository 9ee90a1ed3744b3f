use crate::engine::Frame;
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::session::Runtime;
use crate::{Error, OnProgress, Phase, Progress};
use nestling_core::space::{CalibratedChild, Child};

impl Runtime {
    /// Makes a child of the space that does not ship ready to be used: computes its batch-norm statistics on this device
    /// over some hundred images from where it will be used, as [`Supernet::calibrate`](crate::engine::Supernet::calibrate)
    /// does. Give the result to [`Runtime::prepare`]. Images may be pixels or, as a slice of [`Frame`]s, textures too.
    ///
    /// Blocks for two to three times what classifying every image takes. Other threads may classify meanwhile.
    ///
    /// ```no_run
    /// # fn calibrate(runtime: &nestling::Runtime, images: &[nestling_core::image::Image<'_>])
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// let child = "r28 s16 w16-32-56 d2-2-3 k3-5-5 e2-4-4 h192".parse()?;
    /// let prepared = runtime.prepare(&runtime.calibrate(&child, images)?)?;
    /// runtime.switch_to(&prepared)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error`] if the space does not offer the child, not all weights have arrived, there is no image or too many for the GPU's memory, a texture
    /// cannot be read, every spare slot is in use, or the GPU fails; [`Error::Busy`] while another call measures, chooses
    /// or calibrates.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn calibrate<'a, F>(&self, child: &Child, frames: &[F]) -> Result<CalibratedChild, Error>
    where
        for<'b> &'b F: Into<Frame<'a>>,
    {
        block_on(self.calibrate_async(child, frames, None))
    }

    /// As [`Runtime::calibrate`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::calibrate`].
    pub async fn calibrate_async<'a, F>(
        &self,
        child: &Child,
        frames: &[F],
        progress: Option<OnProgress<'_>>,
    ) -> Result<CalibratedChild, Error>
    where
        for<'b> &'b F: Into<Frame<'a>>,
    {
        self.require_all_weights(child)?;
        let _turn = self.turn.take("a calibration")?;
        let say = |fraction: f64| {
            if let Some(progress) = progress {
                progress(Progress { fraction, phase: Phase::Calibrating });
            }
        };
        self.supernet.calibrate_async(child, frames, Some(&say)).await
    }
}
