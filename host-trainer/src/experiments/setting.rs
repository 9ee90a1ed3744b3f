use crate::train::TrainConfig;

/// Share of a run that the running average of the weights looks back on.
const AVERAGED_SHARE: f64 = 0.15;

/// The size of all trainings of an experiment, and the recipe that they start from.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    /// Images to train on; each seed draws its own.
    pub images: u32,
    /// Passes over them.
    pub epochs: u32,
    /// Every other hyper-parameter of the supernet, with its space.
    pub recipe: TrainConfig,
}

impl Setting {
    /// The setting of Fashion-MNIST: the demo's recipe with half its batch and rate, because thousands of images make
    /// few steps.
    pub fn fashion(images: u32, epochs: u32) -> Self {
        let recipe = TrainConfig {
            batch_size: 64,
            learning_rate: 0.2,
            workers: 2,
            held_out: 5000,
            probe_images: 1000,
            probe_calibration: 256,
            ..TrainConfig::default()
        };
        Self { images, epochs, recipe }
    }

    /// The configuration of the supernet of a seed.
    pub fn config(&self, seed: u64) -> TrainConfig {
        let steps = u64::from(self.images / self.recipe.batch_size) * u64::from(self.epochs);
        let average = 1.0 - 1.0 / (AVERAGED_SHARE * steps as f64).max(2.0);
        TrainConfig {
            seed,
            epochs: self.epochs,
            images: self.images,
            average_decay: average.min(self.recipe.average_decay),
            ..self.recipe.clone()
        }
    }
}
