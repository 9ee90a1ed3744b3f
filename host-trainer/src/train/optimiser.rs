use super::TrainConfig;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

/// The update of the weights by a gradient.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateRule {
    /// Nesterov momentum; the weight decay is part of the gradient.
    #[default]
    Sgd,
    /// TensorFlow's RMSProp, as EfficientNet and BigNAS use it: the mean square starts at 1, epsilon is within the
    /// root, and the learning rate is part of the momentum. PyTorch's is another rule.
    Rmsprop,
    /// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
    Adamw,
}

impl UpdateRule {
    /// Numbers that the rule keeps for each weight: the momentum, and the mean squared gradient of rules that have one.
    pub fn numbers_per_weight(self) -> u64 {
        match self {
            Self::Sgd => 1,
            Self::Rmsprop | Self::Adamw => 2,
        }
    }
}

/// The state of the update rule, and a running average of the weights, on one flat tensor.
#[derive(Debug)]
pub struct Optimiser {
    momentum: Tensor,
    /// The running mean of squared gradients; nothing for SGD.
    square: Option<Tensor>,
    average: Tensor,
    decay_mask: Tensor,
    /// The factor of each weight's learning rate; nothing where all are 1.
    rates: Option<Tensor>,
}

/// The state of an optimiser that a checkpoint keeps.
#[derive(Debug)]
pub struct OptimiserState {
    /// The momentum.
    pub momentum: Tensor,
    /// The running mean of squared gradients, if the rule has one.
    pub square: Option<Tensor>,
    /// The running average of the weights.
    pub average: Tensor,
}

impl Optimiser {
    /// Starts from `weights` with no momentum. `decay_mask` is 1 where weight decay applies, `rates` the factor of each
    /// weight's learning rate.
    pub fn new(rule: UpdateRule, weights: &Tensor, decay_mask: Tensor, rates: Option<Tensor>) -> Self {
        let square = match rule {
            UpdateRule::Sgd => None,
            UpdateRule::Rmsprop => Some(weights.ones_like()),
            UpdateRule::Adamw => Some(weights.zeros_like()),
        };
        let state = OptimiserState { momentum: weights.zeros_like(), square, average: weights.copy() };
        Self::restore(state, decay_mask, rates)
    }

    /// Continues from a checkpoint.
    pub fn restore(state: OptimiserState, decay_mask: Tensor, rates: Option<Tensor>) -> Self {
        let OptimiserState { momentum, square, average } = state;
        Self { momentum, square, average, decay_mask, rates }
    }

    /// One update of `weights` by the summed gradient of all children.
    pub fn update(&mut self, weights: &Tensor, gradient: &Tensor, rate: f64, config: &TrainConfig, step: u64) {
        no_grad(|| {
            let mut weights = weights.shallow_clone();
            let gradient = shortened(gradient, config.max_gradient_norm);
            let change = match config.optimiser {
                UpdateRule::Sgd => self.sgd(&weights, &gradient, rate, config),
                UpdateRule::Rmsprop => self.rmsprop(&weights, &gradient, rate, config),
                UpdateRule::Adamw => self.adamw(&weights, &gradient, rate, config, step),
            };
            weights -= match &self.rates {
                Some(rates) => change * rates,
                None => change,
            };
            // A short memory first, so that the starting values do not linger in the average.
            let decay = config.average_decay.min((1.0 + step as f64) / (5.0 + step as f64));
            let _ = self.average.lerp_(&weights, 1.0 - decay);
        });
    }

    fn sgd(&mut self, weights: &Tensor, gradient: &Tensor, rate: f64, config: &TrainConfig) -> Tensor {
        let gradient = gradient + &self.decay_mask * weights * config.weight_decay;
        self.momentum *= config.momentum;
        self.momentum += &gradient;
        (gradient + &self.momentum * config.momentum) * rate
    }

    fn rmsprop(&mut self, weights: &Tensor, gradient: &Tensor, rate: f64, config: &TrainConfig) -> Tensor {
        let gradient = gradient + &self.decay_mask * weights * config.weight_decay;
        if let Some(square) = &mut self.square {
            let _ = square.lerp_(&gradient.square(), 1.0 - config.square_decay);
            self.momentum *= config.momentum;
            self.momentum += gradient / (&*square + config.epsilon).sqrt() * rate;
        }
        self.momentum.copy()
    }

    fn adamw(&mut self, weights: &Tensor, gradient: &Tensor, rate: f64, config: &TrainConfig, step: u64) -> Tensor {
        let _ = self.momentum.lerp_(gradient, 1.0 - config.momentum);
        let done = step as f64 + 1.0;
        let mut change = &self.decay_mask * weights * (rate * config.weight_decay);
        if let Some(square) = &mut self.square {
            let _ = square.lerp_(&gradient.square(), 1.0 - config.square_decay);
            let unbiased = |decay: f64| 1.0 - decay.powf(done);
            let root = (&*square / unbiased(config.square_decay)).sqrt() + config.epsilon;
            change += &self.momentum / root * (rate / unbiased(config.momentum));
        }
        change
    }

    /// Moves the state of every weight: element `i` becomes that of `places[i]`.
    pub fn reorder(&mut self, places: &Tensor) {
        for tensor in [Some(&mut self.momentum), self.square.as_mut(), Some(&mut self.average)].into_iter().flatten() {
            *tensor = tensor.index_select(0, places);
        }
    }

    /// The state, for a checkpoint.
    pub fn state(&self) -> OptimiserState {
        OptimiserState {
            momentum: self.momentum.shallow_clone(),
            square: self.square.as_ref().map(Tensor::shallow_clone),
            average: self.average.shallow_clone(),
        }
    }
}

/// The gradient, shortened to `longest` if it is longer and there is a bound.
fn shortened(gradient: &Tensor, longest: f64) -> Tensor {
    if longest == 0.0 {
        return gradient.shallow_clone();
    }
    let length = gradient.square().sum(Kind::Double).sqrt().to_kind(Kind::Float);
    gradient * (length + 1e-12).reciprocal().multiply_scalar(longest).clamp_max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::values_of;

    /// Two updates of one weight of 1 by the gradients 2 and -1; decay 0.1, rate 0.5.
    fn updated(config: TrainConfig) -> [f64; 2] {
        crate::torch::initialise();
        let config = TrainConfig { weight_decay: 0.1, average_decay: 0.0, ..config };
        let weights = Tensor::from_slice(&[1.0f32]);
        let mut optimiser = Optimiser::new(config.optimiser, &weights, weights.ones_like(), None);
        [2.0f32, -1.0].map(|gradient| {
            let step = u64::from(gradient < 0.0);
            optimiser.update(&weights, &Tensor::from_slice(&[gradient]), 0.5, &config, step);
            f64::from(values_of(&weights)[0])
        })
    }

    fn assert_near(given: [f64; 2], expected: [f64; 2]) {
        assert!(given.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-5), "{given:?}, not {expected:?}");
    }

    #[test]
    fn tensorflows_rmsprop_by_hand() {
        let config = TrainConfig { optimiser: UpdateRule::Rmsprop, momentum: 0.9, ..TrainConfig::default() };
        let (mut weight, mut square, mut momentum) = (1.0f64, 1.0f64, 0.0f64);
        let expected = [2.0, -1.0].map(|gradient| {
            let gradient = gradient + 0.1 * weight;
            square = 0.9 * square + 0.1 * gradient * gradient;
            momentum = 0.9 * momentum + 0.5 * gradient / (square + 1e-3).sqrt();
            weight -= momentum;
            weight
        });
        assert_near(updated(config), expected);
    }

    #[test]
    fn adam_with_decoupled_decay_by_hand() {
        let config = TrainConfig {
            optimiser: UpdateRule::Adamw,
            momentum: 0.9,
            square_decay: 0.999,
            epsilon: 1e-8,
            ..TrainConfig::default()
        };
        let (mut weight, mut first, mut second) = (1.0f64, 0.0f64, 0.0f64);
        let expected = [(2.0, 1), (-1.0, 2)].map(|(gradient, step): (f64, i32)| {
            first = 0.9 * first + 0.1 * gradient;
            second = 0.999 * second + 0.001 * gradient * gradient;
            let (mean, square) = (first / (1.0 - 0.9f64.powi(step)), second / (1.0 - 0.999f64.powi(step)));
            weight -= 0.5 * (0.1 * weight + mean / (square.sqrt() + 1e-8));
            weight
        });
        assert_near(updated(config), expected);
    }

    #[test]
    fn nesterovs_momentum_by_hand() {
        let (mut weight, mut momentum) = (1.0, 0.0);
        let expected = [2.0, -1.0].map(|gradient: f64| {
            let gradient = gradient + 0.1 * weight;
            momentum = 0.9 * momentum + gradient;
            weight -= 0.5 * (gradient + 0.9 * momentum);
            weight
        });
        assert_near(updated(TrainConfig::default()), expected);
    }

    #[test]
    fn a_long_gradient_is_shortened_and_a_short_one_is_not() {
        crate::torch::initialise();
        let gradient = Tensor::from_slice(&[3.0f32, -4.0]);
        assert_eq!(values_of(&shortened(&gradient, 10.0)), [3.0, -4.0]);
        let short = values_of(&shortened(&gradient, 1.0));
        assert!((short[0] - 0.6).abs() < 1e-6 && (short[1] + 0.8).abs() < 1e-6, "{short:?}");
        assert_eq!(values_of(&shortened(&gradient, 0.0)), [3.0, -4.0]);
    }

    #[test]
    fn a_weight_with_the_rate_0_stays() {
        crate::torch::initialise();
        let weights = Tensor::from_slice(&[1.0f32, 1.0]);
        let rates = Some(Tensor::from_slice(&[0.0f32, 1.0]));
        let mut optimiser = Optimiser::new(UpdateRule::Sgd, &weights, weights.ones_like(), rates);
        optimiser.update(&weights, &Tensor::from_slice(&[1.0f32, 1.0]), 0.5, &TrainConfig::default(), 0);
        let values = values_of(&weights);
        assert!(values[0] == 1.0 && values[1] < 1.0, "{values:?}");
    }
}
