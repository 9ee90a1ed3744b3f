use super::{DataError, Dataset, DatasetInfo};
use nestling_core::image::{Fit, PixelFormat, Preprocessing};
use nestling_core::space::SearchSpace;

/// Training and test images of a folder, and what is known of them.
#[derive(Clone, Debug)]
pub struct LoadedData {
    /// The images to train on.
    pub training: Dataset,
    /// The images to test with.
    pub test: Dataset,
    /// The data set that has exactly these files.
    pub known: Option<&'static DatasetInfo>,
}

impl LoadedData {
    /// Name, for people.
    pub fn name(&self) -> &'static str {
        self.known.map_or("images of an unknown data set", |info| info.name)
    }

    /// Format of the pixels.
    pub fn pixels(&self) -> PixelFormat {
        self.known.map_or(PixelFormat::Grey8, |info| info.pixels)
    }

    /// The names of `classes` classes: those of the known data set; else `class 0` and so on.
    pub fn labels(&self, classes: u32) -> Vec<String> {
        match self.known {
            Some(info) => info.labels.iter().map(ToString::to_string).collect(),
            None => (0..classes).map(|class| format!("class {class}")).collect(),
        }
    }

    /// Normalises with the mean and deviation of the training pixels; keeps whole images.
    pub fn preprocessing(&self) -> Preprocessing {
        if let Some(info) = self.known {
            return info.preprocessing();
        }
        let (mean, deviation) = mean_and_deviation(&self.training.images.pixels);
        Preprocessing { means: vec![mean], standard_deviations: vec![deviation], centre_fraction: 1.0, fit: Fit::Crop }
    }

    /// The same data for networks of `space`. Images of an unknown data set may lack classes.
    ///
    /// # Errors
    /// [`DataError::OtherSpace`] if the networks cannot read the images or tell their classes apart.
    pub fn for_space(mut self, space: &SearchSpace) -> Result<Self, DataError> {
        if self.known.is_none() && self.training.classes <= space.classes {
            self.training.classes = space.classes;
            self.test.classes = space.classes;
        }
        self.training.check_fits(space)?;
        Ok(self)
    }
}

/// Mean and standard deviation in three digits, white being 1.
fn mean_and_deviation(pixels: &[u8]) -> (f32, f32) {
    let mut histogram = [0u64; 256];
    for &pixel in pixels {
        histogram[usize::from(pixel)] += 1;
    }
    let mean_of = |value: &dyn Fn(f64) -> f64| {
        let sum: f64 =
            histogram.iter().enumerate().map(|(pixel, &count)| value(pixel as f64 / 255.0) * count as f64).sum();
        sum / pixels.len().max(1) as f64
    };
    let mean = mean_of(&|value| value);
    let deviation = mean_of(&|value| (value - mean).powi(2)).sqrt();
    let rounded = |value: f64| ((value * 1e3).round() / 1e3) as f32;
    // Images of one grey have none.
    (rounded(mean), rounded(deviation).max(1e-3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{FASHION_MNIST, MNIST};
    use nestling_pictures::IdxImages;

    fn data(known: Option<&'static DatasetInfo>, classes: u32) -> LoadedData {
        let images = IdxImages { height: 2, width: 2, pixels: vec![0, 255, 0, 255] };
        let dataset = Dataset { images, labels: vec![0], classes };
        LoadedData { training: dataset.clone(), test: dataset, known }
    }

    #[test]
    fn labels_are_those_of_the_very_data_set_or_numbers() {
        assert_eq!(data(Some(&FASHION_MNIST), 10).labels(10)[9], "ankle boot");
        assert_eq!(data(Some(&MNIST), 10).labels(10)[9], "9");
        assert_eq!(data(None, 10).labels(11)[10], "class 10");
    }

    #[test]
    fn the_normalisation_is_that_of_the_pixels() {
        let preprocessing = data(None, 2).preprocessing();
        assert_eq!((preprocessing.means, preprocessing.standard_deviations), (vec![0.5], vec![0.5]));
        assert_eq!(mean_and_deviation(&[255; 9]), (1.0, 1e-3));
        assert_eq!(mean_and_deviation(&[]), (0.0, 1e-3));
        assert_eq!(data(Some(&MNIST), 10).preprocessing(), MNIST.preprocessing());
    }

    #[test]
    fn unknown_images_may_lack_classes_but_not_have_more() {
        let space = SearchSpace::fashion();
        assert_eq!(data(None, 7).for_space(&space).unwrap().test.classes, 10);
        let error = data(None, 11).for_space(&space).unwrap_err().to_string();
        assert!(error.contains("have 11 classes"), "{error}");
        assert!(data(Some(&MNIST), 7).for_space(&space).is_err());
    }
}
