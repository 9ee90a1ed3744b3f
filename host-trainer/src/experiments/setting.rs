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
        self.lasting(TrainConfig { seed, images: self.images, ..self.recipe.clone() }, self.epochs)
    }

    /// A configuration with another number of epochs. The running average, if there is one, looks back on the same share of
    /// its steps.
    pub(super) fn lasting(&self, config: TrainConfig, epochs: u32) -> TrainConfig {
        let steps = u64::from(self.images / self.recipe.batch_size) * u64::from(epochs);
        let average = 1.0 - 1.0 / (AVERAGED_SHARE * steps as f64).max(2.0);
        let has_average = config.average_decay > 0.0;
        let average_decay = if has_average { average.min(self.recipe.average_decay) } else { 0.0 };
        TrainConfig { epochs, average_decay, ..config }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_looks_back_on_the_same_share_of_any_training() {
        let setting = Setting::fashion(6000, 40);
        let looks_back = |config: &TrainConfig| {
            let steps = f64::from(config.images / config.batch_size * config.epochs);
            1.0 / (1.0 - config.average_decay) / steps
        };
        let config = setting.config(1);
        for config in [setting.lasting(config.clone(), 10), config.clone()] {
            assert!((looks_back(&config) - AVERAGED_SHARE).abs() < 1e-6, "{}", looks_back(&config));
        }
        let without = TrainConfig { average_decay: 0.0, ..config };
        assert_eq!(setting.lasting(without, 10).average_decay, 0.0);
    }
}
