use crate::Error;
use crate::engine::{Frame, PreparedChild};
#[cfg(not(target_arch = "wasm32"))]
use crate::gpu::block_on;
use crate::session::{ActiveChild, Answer, Runtime};
use std::sync::Arc;

impl Runtime {
    /// Classifies an image of any size with the active child; its centred square is used. The image may be pixels
    /// ([`Image`](crate::Image)) or a texture on the GPU ([`FromTexture`](crate::FromTexture)).
    ///
    /// Blocks until the answer is there. May be called from several threads at once, and while another thread switches.
    ///
    /// # Errors
    /// [`Error`] if the image is larger than the runtime was made for or the GPU fails,
    /// [`Error::NotFinite`] if the answer is not a number.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn classify<'a>(&self, frame: impl Into<Frame<'a>>) -> Result<Answer, Error> {
        block_on(self.classify_by(&self.active(), frame.into()))
    }

    /// As [`Runtime::classify`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::classify`].
    pub async fn classify_async<'a>(&self, frame: impl Into<Frame<'a>>) -> Result<Answer, Error> {
        self.classify_by(&self.active(), frame.into()).await
    }

    pub(super) async fn classify_by(&self, child: &ActiveChild, frame: Frame<'_>) -> Result<Answer, Error> {
        let logits = self.supernet.infer_async(child.prepared(), frame).await?;
        self.answer(child.prepared(), logits)
    }

    /// Classifies many images with one child and keeps the GPU busy meanwhile. Answers are in the images' order. Images
    /// may be pixels or, as a slice of [`Frame`]s, textures too.
    ///
    /// # Errors
    /// As [`Runtime::classify`], of the first image that fails.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn classify_many<'a, F>(&self, frames: &[F]) -> Result<Vec<Answer>, Error>
    where
        for<'b> &'b F: Into<Frame<'a>>,
    {
        block_on(self.classify_many_async(frames))
    }

    /// As [`Runtime::classify_many`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::classify_many`].
    pub async fn classify_many_async<'a, F>(&self, frames: &[F]) -> Result<Vec<Answer>, Error>
    where
        for<'b> &'b F: Into<Frame<'a>>,
    {
        let active = self.active();
        let all = self.supernet.infer_many_async(active.prepared(), frames).await?;
        all.into_iter().map(|logits| self.answer(active.prepared(), logits)).collect()
    }

    /// The active child's raw output for an image, one value a class.
    ///
    /// # Errors
    /// [`Error`], as [`Runtime::classify`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn logits<'a>(&self, frame: impl Into<Frame<'a>>) -> Result<Vec<f32>, Error> {
        block_on(self.logits_async(frame))
    }

    /// As [`Runtime::logits`], without blocking.
    ///
    /// # Errors
    /// As [`Runtime::logits`].
    pub async fn logits_async<'a>(&self, frame: impl Into<Frame<'a>>) -> Result<Vec<f32>, Error> {
        self.supernet.infer_async(self.active().prepared(), frame).await
    }

    fn answer(&self, child: &PreparedChild, logits: Vec<f32>) -> Result<Answer, Error> {
        let answer = Answer::new(Arc::clone(&self.labels), child.child().clone(), logits);
        // In a browser nothing is replaced.
        #[cfg(not(target_arch = "wasm32"))]
        let answer = answer.map(|answer| answer.with_replaced(self.supernet.replaced()));
        answer.ok_or_else(|| Error::NotFinite { child: child.to_string() })
    }
}
