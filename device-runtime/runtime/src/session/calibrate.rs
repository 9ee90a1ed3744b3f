use crate::session::{Runtime, RuntimeError};
use nestling_core::image::Image;
use nestling_core::space::{CalibratedChild, Child};

impl Runtime {
    /// Makes a child of the space that does not ship ready to be used: computes its batch-norm statistics on this device
    /// over some hundred images from where it will be used, as [`Supernet::calibrate`](crate::engine::Supernet::calibrate)
    /// does. Give the result to [`Runtime::prepare`].
    ///
    /// Blocks for two to three times what classifying every image takes. Other threads may classify meanwhile.
    ///
    /// ```no_run
    /// # fn calibrate(runtime: &crate::Runtime, images: &[nestling_core::image::Image<'_>])
    /// #     -> Result<(), Box<dyn std::error::Error>> {
    /// let child = "r28 s16 w16-32-56 d2-2-3 k3-5-5 e2-4-4 h192".parse()?;
    /// let prepared = runtime.prepare(&runtime.calibrate(&child, images)?)?;
    /// runtime.switch_to(&prepared)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RuntimeError::Engine`] if the space does not offer the child, there is no image or too many for the GPU's memory,
    /// every spare slot is in use, or the GPU fails.
    pub fn calibrate(&self, child: &Child, images: &[Image<'_>]) -> Result<CalibratedChild, RuntimeError> {
        Ok(self.supernet.calibrate(child, images, None)?)
    }
}
