use super::DataError;
use nestling_core::space::SearchSpace;
use nestling_pictures::IdxImages;

/// Labelled 8-bit grey images of one size, in memory.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// The images.
    pub images: IdxImages,
    /// The class of each image, below `classes`.
    pub labels: Vec<u8>,
    /// Number of classes.
    pub classes: u32,
}

impl Dataset {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Identity of the images with their classes.
    pub fn fingerprint(&self) -> String {
        let mut sum = md5::Context::new();
        let IdxImages { height, width, pixels } = &self.images;
        sum.consume(height.to_le_bytes());
        sum.consume(width.to_le_bytes());
        sum.consume(&self.labels);
        sum.consume(pixels);
        format!("{:x}", sum.finalize())
    }

    /// The pixels of one image.
    pub fn pixels(&self, index: usize) -> &[u8] {
        let length = self.images.image_len();
        &self.images.pixels[index * length..(index + 1) * length]
    }

    /// The pixels of all images, at most `count` images at a time.
    pub fn batches(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        self.images.pixels.chunks(count.max(1) * self.images.image_len())
    }

    /// The first `count` images, and the rest.
    pub fn split_at(&self, count: usize) -> (Self, Self) {
        let part = |range: std::ops::Range<usize>| {
            let length = self.images.image_len();
            let pixels = self.images.pixels[range.start * length..range.end * length].to_vec();
            let images = IdxImages { pixels, ..self.images };
            Self { images, labels: self.labels[range].to_vec(), classes: self.classes }
        };
        let count = count.min(self.len());
        (part(0..count), part(count..self.len()))
    }

    /// Splits off the last `count` images: those to train on, and those held out.
    ///
    /// # Errors
    /// [`DataError::TooFewImages`] if none is left to train on.
    pub fn hold_out(&self, count: usize) -> Result<(Self, Self), DataError> {
        match self.len().checked_sub(count) {
            None | Some(0) => Err(DataError::TooFewImages { images: self.len(), held_out: count }),
            Some(training) => Ok(self.split_at(training)),
        }
    }

    /// Checks that networks of `space` can read these images and tell their classes apart.
    ///
    /// # Errors
    /// [`DataError::OtherSpace`] if they cannot.
    pub fn check_fits(&self, space: &SearchSpace) -> Result<(), DataError> {
        if space.input_channels == 1 && space.classes == self.classes {
            return Ok(());
        }
        Err(DataError::OtherSpace {
            classes: self.classes,
            space: space.name.clone(),
            space_channels: space.input_channels,
            space_classes: space.classes,
        })
    }
}
