//! Random views of training images: pure functions over square images of bytes, one or three a pixel.
//!
//! A view depends on the pixels, the options and the generator that is passed, and on nothing else. Arithmetic on
//! pixels is Pillow's, so that published recipes mean the same here. The only other filter is that of resizing, which
//! is the device's own.

mod colour;
mod crop;
mod erase;
mod jitter;
mod kind;
mod neighbours;
mod operation;
mod options;
mod policy;
mod resize;
mod shift;
mod tables;

pub use options::{Augmentation, Jitter, Policy, RandAugment, RandomCrop, WrongSetting};
pub use shift::flip_and_shift;

use operation::Picture;
use rand::{Rng, RngExt};
use resize::{PartResizer, Region};

/// Makes random views of images of one size.
#[derive(Clone, Debug)]
pub struct Augmenter {
    options: Augmentation,
    resizer: PartResizer,
    side_in: usize,
    side_out: usize,
    channels: usize,
}

impl Augmenter {
    /// For images of `side_in` rows and columns, and views of `side_out`; 1 channel or 3.
    pub fn new(options: &Augmentation, side_in: u32, side_out: u32, channels: u32) -> Self {
        let (side_in, side_out, channels) = (side_in as usize, side_out as usize, channels as usize);
        let resizer = PartResizer::new(side_in, side_out, channels);
        Self { options: *options, resizer, side_in, side_out, channels }
    }

    /// Bytes of a view.
    pub fn view_bytes(&self) -> usize {
        self.side_out * self.side_out * self.channels
    }

    /// Appends a random view of an image to `out`.
    ///
    /// The steps are crop and resize, flip and shift, policy, jitter, erasing. A step that is off draws no number,
    /// except for the shift, which always draws two.
    pub fn view(&self, pixels: &[u8], random: &mut impl Rng, out: &mut Vec<u8>) {
        let Self { options, side_in, side_out, channels, .. } = self;
        let (side_in, side, channels) = (*side_in, *side_out, *channels);
        let start = out.len();
        let part = match &options.crop {
            Some(crop) => crop.draw(side_in, random),
            None => Region { left: 0, top: 0, width: side_in, height: side_in },
        };
        if (part.width, part.height) == (side, side) && side == side_in {
            flip_and_shift(pixels, side, options, random, out);
        } else {
            let mut resized = Vec::new();
            self.resizer.resize(pixels, part, &mut resized);
            flip_and_shift(&resized, side, options, random, out);
        }
        let mut picture = Picture { pixels: &mut out[start..], side, channels };
        if options.policy != Policy::None && random.random_bool(options.policy_probability) {
            for operation in options.policy.draw(random) {
                operation.apply(&mut picture);
            }
        }
        options.jitter.apply(&mut picture, random);
        if options.erase > 0.0 && random.random_bool(options.erase) {
            erase::erase(&mut picture, random);
        }
    }
}

#[cfg(test)]
mod beside_pillow;
#[cfg(test)]
mod policy_tests;
#[cfg(test)]
mod tests;
