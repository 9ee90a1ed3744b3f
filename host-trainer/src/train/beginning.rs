use super::{Best, Checkpoint, Optimiser, OptimiserState, TrainConfig, TrainError};
use crate::data::{Dataset, LoadedData, SplitRule};
use crate::model::{Extras, Parameters};
use crate::random::{Purpose, generator};
use nestling_core::image::Preprocessing;
use nestling_core::space::ValidatedSpace;
use rand::seq::SliceRandom;
use std::collections::BTreeSet;
use tch::{Device, Tensor};

/// The images of a run.
#[derive(Clone, Copy, Debug)]
pub struct TrainingData<'a> {
    /// The images to train on.
    pub images: &'a Dataset,
    /// The images for the curves and for search; the last `held_out` of the training images if there are none.
    pub held_out: Option<&'a Dataset>,
    /// How pixels become input.
    pub preprocessing: &'a Preprocessing,
    /// The names of the classes, if they have any.
    pub classes: Option<&'a [String]>,
    /// How the images were divided, if they are files.
    pub split: Option<SplitRule>,
}

impl<'a> From<&'a LoadedData> for TrainingData<'a> {
    fn from(data: &'a LoadedData) -> Self {
        Self {
            images: &data.training,
            held_out: data.held_out.as_ref(),
            preprocessing: &data.preprocessing,
            classes: data.labels.as_deref(),
            split: data.split,
        }
    }
}

impl TrainingData<'_> {
    /// Checks that these are the images and classes of a run; returns their fingerprint.
    ///
    /// # Errors
    /// [`TrainError::OtherImages`], or [`TrainError::Data`] for other classes or an image that cannot be read.
    pub fn check_run(&self, run: &Checkpoint) -> Result<String, TrainError> {
        run.check_classes(self.classes)?;
        let fingerprint = self.images.fingerprint()?;
        match &run.images {
            Some(images) if *images != fingerprint => Err(TrainError::OtherImages),
            _ => Ok(fingerprint),
        }
    }

    /// The images that train, and those that are held out.
    ///
    /// # Errors
    /// [`TrainError`] if they are too few or do not fit the space.
    pub fn parts(&self, config: &TrainConfig, space: &ValidatedSpace) -> Result<(Dataset, Dataset), TrainError> {
        self.images.check_fits(space)?;
        let (all, held_out) = match self.held_out {
            Some(held_out) => (self.images.clone(), held_out.clone()),
            None => self.images.hold_out(config.held_out as usize)?,
        };
        let training = if config.images == 0 { all } else { drawn(&all, config)? };
        if training.len() < config.batch_size as usize {
            return Err(TrainError::TooFewImages { images: training.len(), batch: config.batch_size });
        }
        if held_out.is_empty() {
            return Err(TrainError::NoneHeldOut);
        }
        Ok((training, held_out))
    }
}

/// The images that a configuration draws from `all`.
fn drawn(all: &Dataset, config: &TrainConfig) -> Result<Dataset, TrainError> {
    let count = config.count_drawn(all.len())?;
    let mut places: Vec<usize> = (0..all.len()).collect();
    places.shuffle(&mut generator(config.seed, Purpose::Subset, 0));
    places.truncate(count);
    let drawn = all.select(places);
    let classes = |images: &Dataset| images.labels.iter().collect::<BTreeSet<_>>().len();
    let lost = classes(all) - classes(&drawn);
    if lost > 0 {
        return Err(TrainError::ClassesNotDrawn { images: config.images, lost });
    }
    Ok(drawn)
}

/// Where a run begins.
#[derive(Clone, Debug)]
pub enum Beginning {
    /// At random values.
    Random,
    /// At trained values.
    Weights {
        /// The values, in the order of the layout.
        weights: Vec<f32>,
        /// Where they come from, for people.
        source: String,
    },
    /// Where another run stopped.
    Run(Box<Checkpoint>),
}

impl Beginning {
    /// Where the first weights came from, if they were trained.
    pub(super) fn source(&self) -> Option<String> {
        match self {
            Self::Random => None,
            Self::Weights { source, .. } => Some(source.clone()),
            Self::Run(run) => run.from.clone(),
        }
    }

    /// The best epoch of a run that goes on.
    pub(super) fn best(&self) -> Option<Best> {
        if let Self::Run(run) = self { run.best.clone() } else { None }
    }

    /// The first weights, those beyond the layout included.
    pub(super) fn weights(&self, space: &ValidatedSpace, extras: &Extras, config: &TrainConfig) -> Vec<f32> {
        match self {
            Self::Random => {
                let gamma = if config.zero_gamma { 0.0 } else { 1.0 };
                let network = config.only.as_ref().and_then(|child| space.lower(child).ok());
                let values = Parameters::starting_values(space, network.as_ref(), config.seed, gamma);
                extras.appended_to(space, values)
            }
            Self::Weights { weights, .. } => extras.appended_to(space, weights.clone()),
            Self::Run(run) => run.weights.clone(),
        }
    }

    /// The run that goes on, if one does.
    pub(super) fn run(&self) -> Option<&Checkpoint> {
        if let Self::Run(run) = self { Some(run) } else { None }
    }
}

/// The optimiser at the beginning, the step, and the time that was spent before.
pub(super) fn start(
    beginning: &Beginning,
    config: &TrainConfig,
    parameters: &Parameters,
    device: Device,
) -> (Optimiser, u64, Spent) {
    let (mask, rates) = (parameters.decay_mask(), parameters.rates(config.body_rate));
    let Beginning::Run(run) = beginning else {
        return (Optimiser::new(config.optimiser, parameters.flat(), mask, rates), 0, Spent::default());
    };
    let tensor = |values: &Vec<f32>| Tensor::from_slice(values).to_device(device);
    let (momentum, average) = (tensor(&run.momentum), tensor(&run.average));
    let state = OptimiserState { momentum, square: run.square.as_ref().map(tensor), average };
    (Optimiser::restore(state, mask, rates), run.step, Spent { cpu_s: run.cpu_s, wall_s: run.wall_s })
}

/// Seconds that a run took before it was resumed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    pub(super) cpu_s: f64,
    pub(super) wall_s: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::image::Fit;

    #[test]
    fn a_run_without_held_out_images_is_refused() {
        let config = TrainConfig { batch_size: 2, ..TrainConfig::default() };
        let space = config.validate().unwrap();
        let images = Dataset::in_memory(28, 1, vec![0; 4 * 784], vec![0, 1, 2, 3], 10).unwrap();
        let (none, _) = images.split_at(0);
        let preprocessing =
            Preprocessing { means: vec![0.3], standard_deviations: vec![0.4], centre_fraction: 1.0, fit: Fit::Crop };
        let data = TrainingData {
            images: &images,
            held_out: Some(&none),
            preprocessing: &preprocessing,
            classes: None,
            split: None,
        };
        assert_eq!(data.parts(&config, &space).unwrap_err().code(), "train_none_held_out");
    }

    #[test]
    fn as_many_images_are_drawn_as_are_asked_for_by_the_seed() {
        let config = TrainConfig { batch_size: 2, held_out: 10, images: 20, ..TrainConfig::default() };
        let space = config.validate().unwrap();
        let pixels = (0..100 * 784).map(|index| (index / 784) as u8).collect();
        let images = Dataset::in_memory(28, 1, pixels, vec![0; 100], 10).unwrap();
        let preprocessing =
            Preprocessing { means: vec![0.3], standard_deviations: vec![0.4], centre_fraction: 1.0, fit: Fit::Crop };
        let data =
            TrainingData { images: &images, held_out: None, preprocessing: &preprocessing, classes: None, split: None };
        let drawn = |config: &TrainConfig| {
            let (training, held_out) = data.parts(config, &space).unwrap();
            assert_eq!(held_out.len(), 10);
            (0..training.len()).map(|index| training.pixels(index).unwrap()[0]).collect::<Vec<u8>>()
        };
        let first = drawn(&config);
        assert_eq!((first.len(), &first), (20, &drawn(&config)));
        let mut distinct = first.clone();
        distinct.sort_unstable();
        distinct.dedup();
        // The last ten are held out.
        assert!(distinct.len() == 20 && distinct[19] < 90, "{distinct:?}");
        assert_ne!(first, drawn(&TrainConfig { seed: 2, ..config.clone() }));
        assert_eq!(drawn(&TrainConfig { images: 0, ..config.clone() }).len(), 90);
        let too_many = TrainConfig { images: 91, ..config.clone() };
        assert_eq!(data.parts(&too_many, &space).unwrap_err().code(), "train_too_few_to_draw");
        let labels = (0..100).map(|index| index / 10).collect();
        let ten = Dataset::in_memory(28, 1, vec![0; 100 * 784], labels, 10).unwrap();
        let few = TrainConfig { images: 6, ..config };
        let error = TrainingData { images: &ten, ..data }.parts(&few, &space).unwrap_err();
        assert_eq!(error.code(), "train_classes_not_drawn", "{error}");
    }
}
