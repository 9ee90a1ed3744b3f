use super::Method;
use super::{Distillation, Precision, Schedule, TrainError, UpdateRule};
use crate::data::{Augmentation, Mix, WrongSetting};
use nestling_core::space::{Child, SearchSpace, ValidatedSpace};
use serde::{Deserialize, Serialize};

/// The compensation of rare classes while training. Validation and calibration keep the natural frequencies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Balance {
    /// Nothing.
    #[default]
    Natural,
    /// The loss of an image is weighted by the inverse frequency of its class; the mean weight is 1.
    Weights,
    /// Every class is drawn as often.
    Sampling,
}

/// The children that dropout and weight decay act on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Regularise {
    /// The biggest child alone (BigNAS, regularisation).
    #[default]
    Biggest,
    /// Every child of a step: each has dropout, and adds the decay of the weights that it reads.
    All,
}

/// Every hyper-parameter of a run. Unknown keys are refused; the resolved values are stored in each checkpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Seed of initial values, order of images, augmentation, dropout and sampled children.
    pub seed: u64,
    /// The method: which children a step trains, and on what.
    pub method: Method,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images a step, over all workers.
    pub batch_size: u32,
    /// Processor threads that share a step; each normalises over its own part of the batch. On a GPU always 1.
    pub workers: u32,
    /// Parts in which a worker takes its images, one after the other, before the update: each needs that much less memory,
    /// and batch norm normalises over each alone.
    pub accumulate: u32,
    /// Whether a child keeps the ends of a few segments only, and computes the rest again for its gradient: less memory for
    /// a third more work. The gradients are the same.
    pub recompute: bool,
    /// Epochs without a better mean accuracy of the biggest and the smallest probe child after which the run ends; 0
    /// never ends it early. With a number above 0 the weights of the best epoch ship, the first of equal ones.
    pub patience: u32,
    /// The arithmetic of the steps. Curves, search and bundles are always f32.
    pub precision: Precision,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Factor of the learning rate for all weights but the classifier's: below 1 where they start trained.
    pub body_rate: f64,
    /// Epochs at the start in which the classifier alone learns, from the features of the biggest child. They come
    /// before `epochs` and have no schedule.
    pub head_epochs: u32,
    /// Learning rate of these epochs.
    pub head_learning_rate: f64,
    /// The update rule.
    pub optimiser: UpdateRule,
    /// How the learning rate falls after the warm-up.
    pub schedule: Schedule,
    /// Steps of linear warm-up, in epochs.
    pub warmup_epochs: f64,
    /// Share of the run at which the rate reaches its constant ending (BigNAS: exponential decay, constant ending).
    pub decay_until: f64,
    /// The constant ending, as a share of the highest rate. BigNAS ends at 5 % after 360 epochs. A run of a dozen
    /// epochs with averaged weights does better with 10 %, because the average already removes the noise.
    pub constant_ending: f64,
    /// Momentum: Nesterov's for `sgd`, TensorFlow's for `rmsprop`, the first moment's decay for `adamw`.
    pub momentum: f64,
    /// Decay of the mean squared gradient, for `rmsprop` (0.9 in EfficientNet) and `adamw` (0.999).
    pub square_decay: f64,
    /// Added to the mean squared gradient (`rmsprop`, within the root: 1e-3 in EfficientNet) or to its root (`adamw`,
    /// 1e-8).
    pub epsilon: f64,
    /// Longest gradient of a step; a longer one is shortened to it. 0: no bound.
    pub max_gradient_norm: f64,
    /// L2 on weights, once a step. The biggest child holds every weight, so this regularises the biggest only.
    pub weight_decay: f64,
    /// The children that dropout and weight decay act on.
    pub regularise: Regularise,
    /// Whether the last batch norm of each block that adds its input starts with gamma 0 (BigNAS, initialisation).
    pub zero_gamma: bool,
    /// Label smoothing of the biggest child's loss.
    pub label_smoothing: f64,
    /// Dropout before the classifier, of the biggest child only.
    pub dropout: f64,
    /// Largest probability with which a block that adds its input is left out, of the biggest child only. It grows
    /// linearly from the first of these blocks to the last (stochastic depth, Huang et al., 2016).
    pub stochastic_depth: f64,
    /// Random children a step, beside the biggest and the smallest (BigNAS: 2).
    pub random_children: u32,
    /// The children of each step beside the biggest, in the place of random ones and the smallest; none: the sandwich
    /// rule.
    pub step_children: Vec<Child>,
    /// The one child that is trained, from labels, as if it were a network of its own; none: the whole space.
    pub only: Option<Child>,
    /// Epochs in which the biggest child learns alone, before the others join.
    pub join_epochs: f64,
    /// The loss of the children that learn from the biggest.
    pub distillation: Distillation,
    /// The compensation of rare classes.
    pub balance: Balance,
    /// Decay a step of the running average of the weights, which is evaluated and shipped; 0 ships the weights
    /// themselves.
    pub average_decay: f64,
    /// Changes of training images.
    pub augmentation: Augmentation,
    /// Mixing of training images with others of their batch.
    pub mix: Mix,
    /// Training images that are held out, for search and curves.
    pub held_out: u32,
    /// Images to train on, drawn at random from those that are left, by the seed; 0: all.
    pub images: u32,
    /// Training images that calibrate batch norm for the curves.
    pub probe_calibration: u32,
    /// Validation images that each point of the curves is evaluated on.
    pub probe_images: u32,
    /// The search space.
    pub space: SearchSpace,
}

impl Default for TrainConfig {
    /// The demo's recipe for Fashion-MNIST.
    fn default() -> Self {
        Self {
            seed: 1,
            method: Method::BigNas,
            epochs: 12,
            patience: 0,
            batch_size: 128,
            workers: 2,
            accumulate: 1,
            recompute: false,
            precision: Precision::Auto,
            learning_rate: 0.4,
            body_rate: 1.0,
            head_epochs: 0,
            head_learning_rate: 0.05,
            optimiser: UpdateRule::Sgd,
            schedule: Schedule::Exponential,
            warmup_epochs: 0.5,
            decay_until: 0.9,
            constant_ending: 0.1,
            momentum: 0.9,
            square_decay: 0.9,
            epsilon: 1e-3,
            max_gradient_norm: 0.0,
            weight_decay: 1e-4,
            regularise: Regularise::Biggest,
            zero_gamma: true,
            label_smoothing: 0.1,
            dropout: 0.0,
            stochastic_depth: 0.0,
            random_children: 2,
            step_children: Vec::new(),
            only: None,
            join_epochs: 0.0,
            distillation: Distillation::CrossEntropy,
            balance: Balance::Natural,
            average_decay: 0.999,
            // A dozen epochs do not overfit, and changed images slow them down: all shoes face left, all is centred.
            augmentation: Augmentation { flip: false, shift: 0, ..Augmentation::default() },
            mix: Mix::default(),
            held_out: 5000,
            images: 0,
            probe_calibration: 512,
            probe_images: 2000,
            space: SearchSpace::fashion(),
        }
    }
}

impl TrainConfig {
    /// Images that train where `found` are left beside those held out.
    ///
    /// # Errors
    /// [`TrainError::TooFewToDraw`] if `images` asks for more.
    pub fn count_drawn(&self, found: usize) -> Result<usize, TrainError> {
        match self.images as usize {
            0 => Ok(found),
            count if count <= found => Ok(count),
            _ => Err(TrainError::TooFewToDraw { needed: self.images, found }),
        }
    }

    /// The keys that hold real numbers.
    fn numbers(&self) -> [(&'static str, f64); 16] {
        [
            ("learning_rate", self.learning_rate),
            ("body_rate", self.body_rate),
            ("head_learning_rate", self.head_learning_rate),
            ("warmup_epochs", self.warmup_epochs),
            ("decay_until", self.decay_until),
            ("constant_ending", self.constant_ending),
            ("momentum", self.momentum),
            ("square_decay", self.square_decay),
            ("epsilon", self.epsilon),
            ("max_gradient_norm", self.max_gradient_norm),
            ("weight_decay", self.weight_decay),
            ("label_smoothing", self.label_smoothing),
            ("dropout", self.dropout),
            ("stochastic_depth", self.stochastic_depth),
            ("join_epochs", self.join_epochs),
            ("average_decay", self.average_decay),
        ]
    }

    /// Checks every number; returns the validated space.
    ///
    /// # Errors
    /// [`TrainError::Config`] names the key and the values that it may have.
    pub fn validate(&self) -> Result<ValidatedSpace, TrainError> {
        let check = |key, holds: bool, given: &dyn std::fmt::Display, rule| {
            if holds { Ok(()) } else { Err(TrainError::Config { key, given: given.to_string(), rule }) }
        };
        // A number without an end would pass the checks below, and the checkpoint has no form for it.
        for (key, value) in self.numbers() {
            check(key, value.is_finite(), &value, "a finite number")?;
        }
        check("seed", i64::try_from(self.seed).is_ok(), &self.seed, "at most 9223372036854775807, as TOML has it")?;
        let share = 0.0..1.0;
        check("epochs", self.epochs > 0, &self.epochs, "at least 1")?;
        check("workers", (1..=256).contains(&self.workers), &self.workers, "between 1 and 256")?;
        check("accumulate", (1..=256).contains(&self.accumulate), &self.accumulate, "between 1 and 256")?;
        let parts = self.workers.max(1) * self.accumulate.max(1);
        let divides = self.batch_size > 0 && self.batch_size.is_multiple_of(parts);
        check("batch_size", divides, &self.batch_size, "a multiple of `workers` times `accumulate`, above 0")?;
        check("learning_rate", self.learning_rate > 0.0, &self.learning_rate, "above 0")?;
        check("warmup_epochs", self.warmup_epochs >= 0.0, &self.warmup_epochs, "0 or more")?;
        check("decay_until", self.decay_until > 0.0 && self.decay_until <= 1.0, &self.decay_until, "above 0, up to 1")?;
        let ending = self.constant_ending > 0.0 && self.constant_ending <= 1.0;
        check("constant_ending", ending, &self.constant_ending, "above 0, up to 1")?;
        check("momentum", share.contains(&self.momentum), &self.momentum, "from 0 to below 1")?;
        check("weight_decay", self.weight_decay >= 0.0, &self.weight_decay, "0 or more")?;
        check("label_smoothing", share.contains(&self.label_smoothing), &self.label_smoothing, "from 0 to below 1")?;
        check("dropout", share.contains(&self.dropout), &self.dropout, "from 0 to below 1")?;
        check("average_decay", share.contains(&self.average_decay), &self.average_decay, "from 0 to below 1")?;
        check("stochastic_depth", share.contains(&self.stochastic_depth), &self.stochastic_depth, "from 0 to below 1")?;
        check("body_rate", (0.0..=1.0).contains(&self.body_rate), &self.body_rate, "from 0 to 1")?;
        check("head_learning_rate", self.head_learning_rate > 0.0, &self.head_learning_rate, "above 0")?;
        check("square_decay", share.contains(&self.square_decay), &self.square_decay, "from 0 to below 1")?;
        check("epsilon", self.epsilon > 0.0, &self.epsilon, "above 0")?;
        check("max_gradient_norm", self.max_gradient_norm >= 0.0, &self.max_gradient_norm, "0 or more")?;
        check("join_epochs", self.join_epochs >= 0.0, &self.join_epochs, "0 or more")?;
        check("held_out", self.held_out > 0, &self.held_out, "at least 1")?;
        check("probe_calibration", self.probe_calibration > 0, &self.probe_calibration, "at least 1")?;
        check("probe_images", self.probe_images > 0, &self.probe_images, "at least 1")?;
        let wrong = |wrong: WrongSetting| TrainError::Config { key: wrong.key, given: wrong.given, rule: wrong.rule };
        self.augmentation.validate().map_err(wrong)?;
        self.mix.validate().map_err(wrong)?;
        self.method.check(self)?;
        let channels = self.space.input_channels;
        check("space.input_channels", [1, 3].contains(&channels), &channels, "1 for grey images, 3 for colour")?;
        let space = self.space.clone().validated().map_err(|error| TrainError::Config {
            key: "space",
            given: error.to_string(),
            rule: "a space that can be built",
        })?;
        let check_children = |key, children: &[Child]| {
            let strange = children.iter().find_map(|child| space.lower(child).err());
            let given = strange.as_ref().map(ToString::to_string).unwrap_or_default();
            check(key, strange.is_none(), &given, "children of the space")
        };
        check_children("step_children", &self.step_children)?;
        check_children("only", self.only.as_slice())?;
        Ok(space)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_without_an_end_is_refused_for_every_key() {
        let keys = TrainConfig::default().numbers().map(|(key, _)| key);
        for key in keys {
            for value in ["inf", "-inf", "nan"] {
                let config: TrainConfig = toml::from_str(&format!("{key} = {value}")).unwrap();
                let error = config.validate().unwrap_err().to_string();
                assert!(error.contains(&format!("`{key}` is")) && error.contains("a finite number"), "{error}");
            }
        }
        let written = toml::to_string(&TrainConfig::default()).unwrap().parse::<toml::Table>().unwrap();
        let is_real = |(key, value): (&String, &toml::Value)| value.is_float().then(|| key.clone());
        let mut real: Vec<String> = written.iter().filter_map(is_real).collect();
        let mut keys = keys.map(str::to_owned).to_vec();
        real.sort();
        keys.sort();
        assert_eq!(real, keys, "every real number is checked");
    }
}
