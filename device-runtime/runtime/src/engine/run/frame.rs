//! Pixels or a texture: whatever an app may have of a camera's frame.

use crate::Error;
use nestling_core::image::{Image, Orientation, check_size};
use wgpu::TextureFormat;

/// An image to classify: pixels in memory ([`Image`]), or a texture on the GPU ([`FromTexture`]).
///
/// A function that takes a frame also takes an `&Image`.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    source: Source<'a>,
}

/// Where a frame's pixels are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source<'a> {
    Pixels(Image<'a>),
    Texture(&'a wgpu::Texture, Orientation),
}

impl<'a> Frame<'a> {
    /// The same frame, turned and mirrored, as [`Image::oriented`] does: a texture is read in that order too, without a
    /// copy. A frame that has an orientation already is turned further.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nestling::Error> {
    /// # let (runtime, texture): (nestling::Runtime, nestling::wgpu::Texture) = todo!();
    /// # let degrees = 90;
    /// use nestling::{FromTexture, Image, Orientation};
    /// let frame = Image::texture(&texture)?.oriented(Orientation::clockwise(degrees)?);
    /// let answer = runtime.classify(frame)?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn oriented(self, orientation: Orientation) -> Self {
        let source = match self.source {
            Source::Pixels(image) => Source::Pixels(image.oriented(orientation)),
            Source::Texture(texture, before) => Source::Texture(texture, before.then(orientation)),
        };
        Self { source }
    }

    pub(super) fn source(self) -> Source<'a> {
        self.source
    }
}

impl<'a> From<Image<'a>> for Frame<'a> {
    fn from(image: Image<'a>) -> Self {
        Self { source: Source::Pixels(image) }
    }
}

impl<'a> From<&Image<'a>> for Frame<'a> {
    fn from(image: &Image<'a>) -> Self {
        Self::from(*image)
    }
}

impl<'a> From<&Frame<'a>> for Frame<'a> {
    fn from(frame: &Frame<'a>) -> Self {
        *frame
    }
}

/// `Image::texture`: a texture as an image, with no copy through the CPU.
pub trait FromTexture {
    /// Borrows a texture as an image: its first layer and mip level, rows from top to bottom, alpha ignored. Where it
    /// does not show the picture upright, [`Frame::oriented`] says so.
    ///
    /// The texture belongs to the device of the context that reads it ([`Context::from_wgpu`]), is two-dimensional, was
    /// made with `TEXTURE_BINDING`, and holds `Rgba8Unorm`, `Bgra8Unorm`, or one of their sRGB twins. Networks are
    /// trained on bytes as files and cameras give them, so an sRGB texture is read without the conversion to linear
    /// light: that needs the format without `Srgb` in the `view_formats` that the texture was made with.
    ///
    /// The answer is that of the same pixels as [`Image::rgba8`], to the last bit.
    ///
    /// A runtime keeps what it made to read the last four textures, so that a camera that cycles among a few costs no
    /// allocation for each frame. It so keeps the memory of up to four textures that the app has dropped, until it
    /// reads others or is dropped itself; `wgpu::Texture::destroy` frees that memory at once.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), nestling::Error> {
    /// # let (runtime, texture): (nestling::Runtime, nestling::wgpu::Texture) = todo!();
    /// use nestling::{FromTexture, Image};
    /// let answer = runtime.classify(&Image::texture(&texture)?)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Context::from_wgpu`]: crate::Context::from_wgpu
    ///
    /// # Errors
    /// [`Error::Texture`] if it cannot be read so, [`Error::Image`] if a side is below 2 or above 16,384. An sRGB
    /// texture without the view format is refused when it is classified.
    ///
    /// # Panics
    /// wgpu itself panics when a texture of another `wgpu::Instance` is classified. But wgpu numbers textures anew in
    /// each instance: one with the number of one of the last four is taken for that.
    fn texture(texture: &wgpu::Texture) -> Result<Frame<'_>, Error>;
}

impl FromTexture for Image<'_> {
    fn texture(texture: &wgpu::Texture) -> Result<Frame<'_>, Error> {
        let refused = |problem: String, remedy| Err(Error::Texture { problem, remedy });
        if texture.dimension() != wgpu::TextureDimension::D2 || texture.sample_count() != 1 {
            let (dimension, samples) = (texture.dimension(), texture.sample_count());
            return refused(format!("it is {dimension:?} with {samples} samples"), "give one of 2D with one sample");
        }
        if plain_format(texture.format()).is_none() {
            return refused(
                format!("its format is {:?}", texture.format()),
                "copy it to one of `Rgba8Unorm` or `Bgra8Unorm` on the GPU",
            );
        }
        if !texture.usage().contains(wgpu::TextureUsages::TEXTURE_BINDING) {
            return refused("a kernel may not read it".to_owned(), "make it with `TextureUsages::TEXTURE_BINDING`");
        }
        check_size(texture.width(), texture.height())?;
        Ok(Frame { source: Source::Texture(texture, Orientation::Upright) })
    }
}

/// The format by which a texture's bytes are read as they are; `None` where kernels cannot read them.
pub(super) fn plain_format(format: TextureFormat) -> Option<TextureFormat> {
    let plain = format.remove_srgb_suffix();
    matches!(plain, TextureFormat::Rgba8Unorm | TextureFormat::Bgra8Unorm).then_some(plain)
}
