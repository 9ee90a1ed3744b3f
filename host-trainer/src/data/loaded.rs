use super::{DataError, Dataset, DatasetInfo, ScanReport, SplitRule};
use nestling_core::image::{Fit, Preprocessing};
use nestling_core::space::SearchSpace;

/// Images to train on and to evaluate with, and what is known of them.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LoadedData {
    /// Name, for people.
    pub name: String,
    /// The images to train on.
    pub training: Dataset,
    /// The images to choose with; none if they are to be taken from those to train on.
    pub held_out: Option<Dataset>,
    /// The images to test with.
    pub test: Dataset,
    /// The data set that has exactly these files.
    pub known: Option<&'static DatasetInfo>,
    /// The names of the classes, if they have any.
    pub labels: Option<Vec<String>>,
    /// Normalises with the mean and deviation of the training pixels.
    pub preprocessing: Preprocessing,
    /// Names of the pictures to evaluate with, if they are files.
    pub pictures: Option<PictureNames>,
    /// How the pictures were divided, if they are files. Parts that the source gives stay whatever it says.
    pub split: Option<SplitRule>,
    /// The outcome of the scan, if the pictures are files.
    pub scan: Option<ScanReport>,
    /// Whether the pixels to train on are at hand, without decoding an original.
    pub is_cached: bool,
}

/// Names of pictures, in the order of their data set: paths below the given one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PictureNames {
    /// Names of the pictures to choose with.
    pub held_out: Vec<String>,
    /// Names of the pictures to test with.
    pub test: Vec<String>,
}

impl LoadedData {
    /// Images in memory.
    ///
    /// # Errors
    /// [`DataError`] if an image cannot be read.
    pub(super) fn in_memory(
        training: Dataset,
        test: Dataset,
        known: Option<&'static DatasetInfo>,
    ) -> Result<Self, DataError> {
        let preprocessing = match known {
            Some(info) => info.preprocessing(),
            None => own_preprocessing(&training)?,
        };
        Ok(Self {
            name: known.map_or("images of an unknown data set", |info| info.name).to_owned(),
            training,
            held_out: None,
            test,
            known,
            labels: known.map(|info| info.labels.iter().map(ToString::to_string).collect()),
            preprocessing,
            pictures: None,
            split: None,
            scan: None,
            is_cached: true,
        })
    }

    /// The names of `classes` classes: those of the data set; else `class 0` and so on.
    pub fn labels(&self, classes: u32) -> Vec<String> {
        match &self.labels {
            Some(labels) => labels.clone(),
            None => (0..classes).map(|class| format!("class {class}")).collect(),
        }
    }

    /// The same data for networks of `space`. Images of an unknown data set may lack classes.
    ///
    /// # Errors
    /// [`DataError::OtherSpace`] if the networks cannot read the images or tell their classes apart.
    pub fn for_space(mut self, space: &SearchSpace) -> Result<Self, DataError> {
        if self.labels.is_none() && self.training.classes <= space.classes {
            self.training.classes = space.classes;
            self.test.classes = space.classes;
        }
        self.training.check_fits(space)?;
        Ok(self)
    }
}

/// Checks that a data set has the classes of a run, in the same order, as far as both name them.
///
/// # Errors
/// [`DataError::OtherClasses`].
pub fn check_same_classes(run: Option<&[String]>, now: Option<&[String]>) -> Result<(), DataError> {
    let (Some(run), Some(now)) = (run, now) else { return Ok(()) };
    if run == now {
        return Ok(());
    }
    let lacking = |of: &[String], other: &[String]| of.iter().filter(|class| !other.contains(class)).cloned().collect();
    Err(DataError::OtherClasses { missing: lacking(run, now), added: lacking(now, run) })
}

/// Normalises grey images with the mean and deviation of their pixels; keeps whole images.
fn own_preprocessing(images: &Dataset) -> Result<Preprocessing, DataError> {
    let (mean, deviation) = mean_and_deviation(images)?;
    Ok(Preprocessing { means: vec![mean], standard_deviations: vec![deviation], centre_fraction: 1.0, fit: Fit::Crop })
}

/// Mean and standard deviation in three digits, white being 1.
fn mean_and_deviation(images: &Dataset) -> Result<(f32, f32), DataError> {
    let mut histogram = [0u64; 256];
    for pixels in images.batches(256) {
        pixels?.into_iter().for_each(|pixel| histogram[usize::from(pixel)] += 1);
    }
    let count = histogram.iter().sum::<u64>().max(1);
    let mean_of = |value: &dyn Fn(f64) -> f64| {
        let sum: f64 =
            histogram.iter().enumerate().map(|(pixel, &count)| value(pixel as f64 / 255.0) * count as f64).sum();
        sum / count as f64
    };
    let mean = mean_of(&|value| value);
    let deviation = mean_of(&|value| (value - mean).powi(2)).sqrt();
    let rounded = |value: f64| ((value * 1e3).round() / 1e3) as f32;
    // Images of one grey have none.
    Ok((rounded(mean), rounded(deviation).max(1e-3)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{FASHION_MNIST, MNIST};

    fn images(side: u32, pixels: &[u8], classes: u32) -> Dataset {
        let labels = vec![0; pixels.len() / (side * side) as usize];
        Dataset::in_memory(side, 1, pixels.to_vec(), labels, classes).unwrap()
    }

    fn data(known: Option<&'static DatasetInfo>, classes: u32) -> LoadedData {
        let dataset = images(2, &[0, 255, 0, 255], classes);
        LoadedData::in_memory(dataset.clone(), dataset, known).unwrap()
    }

    #[test]
    fn labels_are_those_of_the_very_data_set_or_numbers() {
        assert_eq!(data(Some(&FASHION_MNIST), 10).labels(10)[9], "ankle boot");
        assert_eq!(data(Some(&MNIST), 10).labels(10)[9], "9");
        assert_eq!(data(None, 10).labels(11)[10], "class 10");
    }

    #[test]
    fn the_normalisation_is_that_of_the_pixels() {
        let preprocessing = data(None, 2).preprocessing;
        assert_eq!((preprocessing.means, preprocessing.standard_deviations), (vec![0.5], vec![0.5]));
        assert_eq!(mean_and_deviation(&images(3, &[255; 9], 1)).unwrap(), (1.0, 1e-3));
        assert_eq!(mean_and_deviation(&images(3, &[], 1)).unwrap(), (0.0, 1e-3));
        assert_eq!(data(Some(&MNIST), 10).preprocessing, MNIST.preprocessing());
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
