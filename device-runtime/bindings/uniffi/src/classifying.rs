//! Classifying pictures and frames.

use crate::error::NestlingError;
use crate::frame::{PixelLayout, YuvLayout, nv12, pixels, yuv_420_888};
use crate::guard::guard;
use crate::records::Answer;
use crate::runtime::Runtime;
use crate::session::Session;
use crate::work::Watch;
use nestling::{Image, Picture};
use std::sync::Arc;
use std::time::Instant;

fn answer(session: &Session, image: Image<'_>, top: u32) -> Result<Answer, NestlingError> {
    if top == 0 {
        return Err(NestlingError::argument("top is 0: give 1 or more"));
    }
    let started = Instant::now();
    let answer = session.classify(image)?;
    Ok(Answer::of(&answer, top, started.elapsed().as_secs_f64() * 1e3, &session.runtime))
}

/// Calls with borrowed bytes block until the answer is there: call them on a thread of the app, such as the camera's.
#[uniffi::export]
impl Runtime {
    /// Classifies the bytes of a JPEG, PNG or WebP file, turned upright by its EXIF tag. A picture that is larger than
    /// `maxImageSide` is halved until it is not. `top` is the number of guesses.
    #[uniffi::method(default(top = 5))]
    pub async fn classify(&self, picture: Vec<u8>, top: u32) -> Result<Answer, NestlingError> {
        let (session, pictures) = (Arc::clone(&self.session), self.pictures);
        let answered = Watch::default()
            .run(async move |_| answer(&session, Picture::decode_with(&picture, &pictures)?.image(), top));
        answered.await
    }

    /// As `classify`, and blocks.
    #[uniffi::method(default(top = 5))]
    pub fn classify_blocking(&self, picture: &[u8], top: u32) -> Result<Answer, NestlingError> {
        guard(|| answer(&self.session, Picture::decode_with(picture, &self.pictures)?.image(), top))
    }

    /// Classifies a frame of one plane; blocks.
    #[uniffi::method(default(top = 5))]
    pub fn classify_pixels(&self, bytes: &[u8], layout: PixelLayout, top: u32) -> Result<Answer, NestlingError> {
        guard(|| answer(&self.session, pixels(bytes, &layout)?, top))
    }

    /// Classifies a frame of luma and interleaved chroma, blue before red: iOS's `420YpCbCr8BiPlanar`; blocks.
    #[uniffi::method(default(top = 5))]
    pub fn classify_nv12(
        &self,
        luma: &[u8],
        chroma: &[u8],
        layout: YuvLayout,
        top: u32,
    ) -> Result<Answer, NestlingError> {
        guard(|| answer(&self.session, nv12(luma, chroma, &layout)?, top))
    }

    /// Classifies a frame of luma and two planes of chroma, blue and red: Android's `YUV_420_888`, and I420 with a pixel
    /// stride of 1; blocks.
    #[uniffi::method(default(top = 5))]
    pub fn classify_yuv_420_888(
        &self,
        luma: &[u8],
        blue: &[u8],
        red: &[u8],
        layout: YuvLayout,
        top: u32,
    ) -> Result<Answer, NestlingError> {
        guard(|| answer(&self.session, yuv_420_888([luma, blue, red], &layout)?, top))
    }

    /// The active child's raw output for a frame of one plane, one value a class; blocks.
    pub fn logits(&self, bytes: &[u8], layout: PixelLayout) -> Result<Vec<f32>, NestlingError> {
        guard(|| Ok(self.session.runtime.logits(pixels(bytes, &layout)?)?))
    }
}
