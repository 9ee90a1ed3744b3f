use super::{Balance, Distillation, Schedule, TrainConfig, UpdateRule};
use crate::data::{Augmentation, Jitter, Policy, RandomCrop};
use nestling_core::space::SearchSpace;
use std::fmt;
use std::str::FromStr;

/// A named set of hyper-parameters to start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recipe {
    /// The demo's, for Fashion-MNIST.
    #[default]
    Fashion,
    /// Hundreds to thousands of photographs, from trained weights.
    OwnPictures,
    /// The paper's, for ImageNet and the space of Table 1.
    BignasImagenet,
}

impl Recipe {
    /// All recipes.
    pub const ALL: [Self; 3] = [Self::Fashion, Self::OwnPictures, Self::BignasImagenet];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fashion => "fashion",
            Self::OwnPictures => "own-pictures",
            Self::BignasImagenet => "bignas-imagenet",
        }
    }

    /// The hyper-parameters.
    ///
    /// ```
    /// use nestling_train::train::Recipe;
    /// assert!(Recipe::ALL.iter().all(|recipe| recipe.config().validate().is_ok()));
    /// ```
    pub fn config(self) -> TrainConfig {
        match self {
            Self::Fashion => TrainConfig::default(),
            Self::OwnPictures => own_pictures(),
            Self::BignasImagenet => bignas_imagenet(),
        }
    }
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Recipe {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|recipe| recipe.name() == text).ok_or_else(|| format!("recipes are: {}", names()))
    }
}

/// The head learns first, then all weights, the body at a tenth of the head's rate. A cosine, because the run is short.
fn own_pictures() -> TrainConfig {
    TrainConfig {
        epochs: 20,
        batch_size: 64,
        learning_rate: 0.04,
        body_rate: 0.1,
        head_epochs: 2,
        head_learning_rate: 0.05,
        schedule: Schedule::Cosine,
        warmup_epochs: 1.0,
        constant_ending: 0.01,
        max_gradient_norm: 5.0,
        weight_decay: 5e-5,
        label_smoothing: 0.05,
        dropout: 0.2,
        random_children: 1,
        average_decay: 0.99,
        augmentation: Augmentation {
            shift: 0,
            crop: Some(RandomCrop { min_scale: 0.35, ..RandomCrop::default() }),
            jitter: Jitter { brightness: 0.2, contrast: 0.2, saturation: 0.2, hue: 0.02 },
            ..Augmentation::default()
        },
        probe_calibration: 512,
        probe_images: 1000,
        space: SearchSpace::table1_relu6(),
        ..TrainConfig::default()
    }
}

/// BigNAS on ImageNet (Yu et al., 2020): RMSProp as in EfficientNet at a rate of 0.256 for a batch of 4096, 0.97 every
/// 2.4 epochs with a constant ending at 5 % after 236 of 360 epochs, weight decay 1e-5, dropout and label smoothing,
/// stochastic depth with survival 0.8 for the biggest child only, two random children, AutoAugment.
fn bignas_imagenet() -> TrainConfig {
    TrainConfig {
        epochs: 360,
        batch_size: 4096,
        learning_rate: 0.256,
        optimiser: UpdateRule::Rmsprop,
        schedule: Schedule::Exponential,
        warmup_epochs: 5.0,
        decay_until: (5.0 + 236.0) / 360.0,
        constant_ending: 0.05,
        momentum: 0.9,
        square_decay: 0.9,
        epsilon: 1e-3,
        weight_decay: 1e-5,
        label_smoothing: 0.1,
        dropout: 0.2,
        stochastic_depth: 0.2,
        random_children: 2,
        distillation: Distillation::CrossEntropy,
        balance: Balance::Natural,
        average_decay: 0.9999,
        augmentation: Augmentation {
            shift: 0,
            crop: Some(RandomCrop::default()),
            policy: Policy::AutoAugmentV0,
            ..Augmentation::default()
        },
        held_out: 10_000,
        probe_calibration: 4096,
        probe_images: 10_000,
        space: SearchSpace::table1(),
        ..TrainConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{RateSchedule, learning_rate};

    #[test]
    fn the_papers_rate_falls_by_3_percent_every_2_4_epochs() {
        let config = Recipe::BignasImagenet.config();
        let of = RateSchedule {
            schedule: config.schedule,
            steps: 360_000,
            warmup: 5_000,
            decay_until: config.decay_until,
            ending: config.constant_ending,
            highest: config.learning_rate,
        };
        let rate = |epoch: f64| learning_rate((epoch * 1000.0) as u64, &of);
        assert!((rate(5.0) - 0.256).abs() < 1e-6);
        assert!((rate(5.0 + 24.0) / 0.256 - 0.97f64.powi(10)).abs() < 2e-3, "{}", rate(29.0) / 0.256);
        assert!((rate(300.0) / 0.256 - 0.05).abs() < 1e-9);
    }

    #[test]
    fn a_recipe_is_found_by_its_name_and_another_name_lists_them() {
        for recipe in Recipe::ALL {
            assert_eq!(recipe.to_string().parse(), Ok(recipe));
        }
        assert_eq!("imagenet".parse::<Recipe>(), Err("recipes are: fashion, own-pictures, bignas-imagenet".to_owned()));
    }
}
