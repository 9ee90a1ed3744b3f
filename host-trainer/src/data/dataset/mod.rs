//! Labelled images: their type, and the reasons why a data set cannot be used.

mod error;

pub use error::DataError;

use nestling_core::image::{Image, ImageError, Preprocessing};
use nestling_core::space::SearchSpace;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Where the pixels of images lie.
pub trait PixelStore: fmt::Debug + Send + Sync {
    /// Appends the pixels of one image to `out`.
    ///
    /// # Errors
    /// [`DataError`] if they cannot be read.
    fn read(&self, place: u32, out: &mut Vec<u8>) -> Result<(), DataError>;

    /// The file that the pixels of one image are read from; nothing in memory.
    fn file_of(&self, _place: u32) -> Option<String> {
        None
    }

    /// Identity of the pixels of one image, if it is known without reading them.
    fn identity(&self, _place: u32) -> Option<[u8; 16]> {
        None
    }
}

/// The use of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// To train on, and to calibrate with.
    Training,
    /// To choose with: probes, search, early stopping.
    HeldOut,
    /// To test with.
    Test,
}

impl Part {
    /// All parts.
    pub const ALL: [Self; 3] = [Self::Training, Self::HeldOut, Self::Test];

    /// The part that folders and columns call so, in any case.
    pub fn of_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Training),
            "val" | "valid" | "validation" | "dev" => Some(Self::HeldOut),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Training => "training",
            Self::HeldOut => "validation",
            Self::Test => "test",
        })
    }
}

/// Pictures as a device reads them: straight from the original, at any resolution.
///
/// The pixels of a [`Dataset`] may be smaller copies, for training. Resized twice, a picture is another one.
pub trait ExactInputs: fmt::Debug + Send + Sync {
    /// Appends the network's input for one image to `out`: fitted, resized and normalised, channel by channel.
    ///
    /// # Errors
    /// [`DataError`] if the picture cannot be read.
    fn read(
        &self,
        place: u32,
        preprocessing: &Preprocessing,
        resolution: u32,
        out: &mut Vec<f32>,
    ) -> Result<(), DataError>;

    /// The name of a picture, and the bytes of its file.
    ///
    /// # Errors
    /// [`DataError`] if the file cannot be read.
    fn original(&self, place: u32) -> Result<(String, Vec<u8>), DataError>;
}

/// Images in memory, one after the other.
#[derive(Debug)]
struct Memory {
    pixels: Vec<u8>,
    image_bytes: usize,
}

impl PixelStore for Memory {
    fn read(&self, place: u32, out: &mut Vec<u8>) -> Result<(), DataError> {
        let start = place as usize * self.image_bytes;
        out.extend_from_slice(&self.pixels[start..start + self.image_bytes]);
        Ok(())
    }
}

/// Labelled 8-bit square images of one size. Copies and parts share the pixels.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// Rows and columns of each image.
    pub side: u32,
    /// 1 for grey, 3 for red, green and blue, which lie together.
    pub channels: u32,
    /// The class of each image, below `classes`.
    pub labels: Vec<u16>,
    /// Number of classes.
    pub classes: u32,
    /// The place of each image in the store.
    places: Vec<u32>,
    store: Arc<dyn PixelStore>,
    exact: Option<Arc<dyn ExactInputs>>,
}

impl Dataset {
    /// Images in memory: `pixels` holds `side * side * channels` bytes for each label.
    ///
    /// # Errors
    /// [`DataError::Pixels`] if it does not.
    pub fn in_memory(
        side: u32,
        channels: u32,
        pixels: Vec<u8>,
        labels: Vec<u16>,
        classes: u32,
    ) -> Result<Self, DataError> {
        let image_bytes = (side * side * channels) as usize;
        if pixels.len() != image_bytes * labels.len() {
            return Err(DataError::Pixels { bytes: pixels.len(), images: labels.len(), side, channels });
        }
        Ok(Self::stored(side, channels, Arc::new(Memory { pixels, image_bytes }), labels, classes))
    }

    /// The first images of a store, one for each label.
    pub fn stored(side: u32, channels: u32, store: Arc<dyn PixelStore>, labels: Vec<u16>, classes: u32) -> Self {
        let places = (0..labels.len() as u32).collect();
        Self { side, channels, labels, classes, places, store, exact: None }
    }

    /// The same images, evaluated from their originals.
    #[must_use]
    pub fn evaluated_from(self, exact: Arc<dyn ExactInputs>) -> Self {
        Self { exact: Some(exact), ..self }
    }

    /// The same images, evaluated from the pixels.
    #[must_use]
    pub fn without_originals(&self) -> Self {
        Self { exact: None, ..self.clone() }
    }

    /// An image for the device, from its [`pixels`](Dataset::pixels).
    ///
    /// # Errors
    /// [`ImageError`] if they are not those of an image.
    pub fn view<'a>(&self, pixels: &'a [u8]) -> Result<Image<'a>, ImageError> {
        let of_channels = if self.channels == 1 { Image::grey8 } else { Image::rgb8 };
        of_channels(self.side, self.side, pixels)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Bytes of one image.
    pub fn image_bytes(&self) -> usize {
        (self.side * self.side * self.channels) as usize
    }

    /// Identity of the images with their classes.
    ///
    /// # Errors
    /// [`DataError`] if an image cannot be read.
    pub fn fingerprint(&self) -> Result<String, DataError> {
        let mut sum = md5::Context::new();
        for number in [self.side, self.side].into_iter().chain((self.channels > 1).then_some(self.channels)) {
            sum.consume(number.to_le_bytes());
        }
        for label in &self.labels {
            // One byte where one is enough.
            let bytes = label.to_le_bytes();
            sum.consume(if self.classes <= 256 { &bytes[..1] } else { &bytes[..] });
        }
        let mut pixels = Vec::with_capacity(self.image_bytes());
        for &place in &self.places {
            if let Some(identity) = self.store.identity(place) {
                sum.consume(identity);
                continue;
            }
            pixels.clear();
            self.store.read(place, &mut pixels)?;
            sum.consume(&pixels);
        }
        Ok(format!("{:x}", sum.finalize()))
    }

    /// Appends the pixels of one image to `out`.
    ///
    /// # Errors
    /// [`DataError`] if they cannot be read.
    pub fn read(&self, index: usize, out: &mut Vec<u8>) -> Result<(), DataError> {
        self.store.read(self.places[index], out)
    }

    /// The file that one image is read from; nothing in memory.
    pub fn file_of(&self, index: usize) -> Option<String> {
        self.store.file_of(self.places[index])
    }

    /// The pixels of one image.
    ///
    /// # Errors
    /// As [`Dataset::read`].
    pub fn pixels(&self, index: usize) -> Result<Vec<u8>, DataError> {
        let mut pixels = Vec::with_capacity(self.image_bytes());
        self.read(index, &mut pixels)?;
        Ok(pixels)
    }

    /// The pixels of all images, at most `count` images at a time.
    pub fn batches(&self, count: usize) -> impl Iterator<Item = Result<Vec<u8>, DataError>> {
        self.places.chunks(count.max(1)).map(|places| {
            let mut pixels = Vec::with_capacity(places.len() * self.image_bytes());
            places.iter().try_for_each(|&place| self.store.read(place, &mut pixels))?;
            Ok(pixels)
        })
    }

    /// The inputs of all images at a resolution, from their originals, at most `count` images at a time; nothing if the
    /// pixels are the originals.
    pub fn exact_batches(
        &self,
        preprocessing: &Preprocessing,
        resolution: u32,
        count: usize,
    ) -> Option<impl Iterator<Item = Result<Vec<f32>, DataError>>> {
        let exact = self.exact.as_ref()?;
        let values = (self.channels * resolution * resolution) as usize;
        Some(self.places.chunks(count.max(1)).map(move |places| {
            let mut inputs = Vec::with_capacity(places.len() * values);
            places.iter().try_for_each(|&place| exact.read(place, preprocessing, resolution, &mut inputs))?;
            Ok(inputs)
        }))
    }

    /// The name of an image and the bytes of its file; nothing if the images are no files.
    ///
    /// # Errors
    /// [`DataError`] if the file cannot be read.
    pub fn original(&self, index: usize) -> Result<Option<(String, Vec<u8>)>, DataError> {
        self.exact.as_ref().map(|exact| exact.original(self.places[index])).transpose()
    }

    /// The images at these indices.
    #[must_use]
    pub fn select(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let (places, labels) = indices.into_iter().map(|index| (self.places[index], self.labels[index])).unzip();
        Self { places, labels, ..self.clone() }
    }

    /// The first `count` images, and the rest.
    pub fn split_at(&self, count: usize) -> (Self, Self) {
        let count = count.min(self.len());
        (self.select(0..count), self.select(count..self.len()))
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
        if space.input_channels == self.channels && space.classes == self.classes {
            return Ok(());
        }
        Err(DataError::OtherSpace {
            channels: self.channels,
            classes: self.classes,
            space: space.name.clone(),
            space_channels: space.input_channels,
            space_classes: space.classes,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Dataset {
        Dataset::in_memory(1, 3, (0..9).collect(), vec![0, 300, 2], 301).unwrap()
    }

    #[test]
    fn parts_hold_the_pixels_and_labels_of_their_images() {
        let (first, rest) = three().split_at(1);
        assert_eq!((first.pixels(0).unwrap(), first.labels), (vec![0, 1, 2], vec![0]));
        assert_eq!((rest.pixels(1).unwrap(), rest.labels.clone()), (vec![6, 7, 8], vec![300, 2]));
        let batches: Vec<Vec<u8>> = rest.batches(1).collect::<Result<_, _>>().unwrap();
        assert_eq!(batches, [[3, 4, 5], [6, 7, 8]]);
        assert_eq!(rest.select([1]).pixels(0).unwrap(), [6, 7, 8]);
        assert!(three().hold_out(3).is_err());
    }

    #[test]
    fn another_label_or_pixel_is_another_data_set() {
        let of = |pixels: Vec<u8>, labels: Vec<u16>| {
            Dataset::in_memory(1, 3, pixels, labels, 301).unwrap().fingerprint().unwrap()
        };
        let whole = three().fingerprint().unwrap();
        assert_eq!(of((0..9).collect(), vec![0, 300, 2]), whole);
        assert_ne!(of((0..9).collect(), vec![0, 44, 2]), whole);
        assert_ne!(of((1..10).collect(), vec![0, 300, 2]), whole);
        assert_eq!(Dataset::in_memory(2, 3, vec![0; 9], vec![0], 1).unwrap_err().code(), "data_pixels");
    }
}
