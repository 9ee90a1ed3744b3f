use crate::engine::PreparedChild;
use crate::session::{ActiveChild, Answer, Runtime, RuntimeError};
use nestling_core::image::Image;
use std::sync::Arc;

impl Runtime {
    /// Says what the active child sees in an image of any size; its centred square counts.
    ///
    /// Blocks until the answer is there. May be called from several threads at once, and while another thread switches.
    ///
    /// # Errors
    /// [`RuntimeError::Engine`] if the image is larger than the runtime was made for or the GPU fails,
    /// [`RuntimeError::NotFinite`] if the answer is no number.
    pub fn classify(&self, image: &Image<'_>) -> Result<Answer, RuntimeError> {
        self.classify_by(&self.active(), image)
    }

    pub(super) fn classify_by(&self, child: &ActiveChild, image: &Image<'_>) -> Result<Answer, RuntimeError> {
        let logits = self.supernet.infer(child.prepared(), image)?;
        self.answer(child.prepared(), logits)
    }

    /// The same without blocking: the only way in a browser.
    ///
    /// # Errors
    /// As [`Runtime::classify`].
    pub async fn classify_async(&self, image: &Image<'_>) -> Result<Answer, RuntimeError> {
        let active = self.active();
        let logits = self.supernet.infer_async(active.prepared(), image).await?;
        self.answer(active.prepared(), logits)
    }

    /// Classifies many images with one child and keeps the GPU busy meanwhile. Answers are in the images' order.
    ///
    /// # Errors
    /// As [`Runtime::classify`], of the first image that fails.
    pub fn classify_many(&self, images: &[Image<'_>]) -> Result<Vec<Answer>, RuntimeError> {
        let active = self.active();
        let all = self.supernet.infer_many(active.prepared(), images)?;
        all.into_iter().map(|logits| self.answer(active.prepared(), logits)).collect()
    }

    /// The active child's raw output for an image, one value a class.
    ///
    /// # Errors
    /// [`RuntimeError::Engine`], as [`Runtime::classify`].
    pub fn logits(&self, image: &Image<'_>) -> Result<Vec<f32>, RuntimeError> {
        Ok(self.supernet.infer(self.active().prepared(), image)?)
    }

    fn answer(&self, child: &PreparedChild, logits: Vec<f32>) -> Result<Answer, RuntimeError> {
        Answer::new(Arc::clone(&self.labels), child.child().clone(), logits)
            .ok_or_else(|| RuntimeError::NotFinite { child: child.to_string() })
    }
}
