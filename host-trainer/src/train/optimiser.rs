use super::TrainConfig;
use tch::{Tensor, no_grad};

/// SGD with Nesterov momentum and coupled weight decay, and a running average of the weights, on one flat tensor.
#[derive(Debug)]
pub struct Optimiser {
    momentum: Tensor,
    average: Tensor,
    decay_mask: Tensor,
}

impl Optimiser {
    /// Starts from `weights` with no momentum.
    pub fn new(weights: &Tensor, decay_mask: Tensor) -> Self {
        Self { momentum: weights.zeros_like(), average: weights.copy(), decay_mask }
    }

    /// Continues from a checkpoint's momentum and average.
    pub fn restore(momentum: Tensor, average: Tensor, decay_mask: Tensor) -> Self {
        Self { momentum, average, decay_mask }
    }

    /// One update of `weights` by the summed gradient of all children.
    pub fn update(&mut self, weights: &Tensor, gradient: &Tensor, rate: f64, config: &TrainConfig, step: u64) {
        no_grad(|| {
            let mut weights = weights.shallow_clone();
            let gradient = gradient + &self.decay_mask * &weights * config.weight_decay;
            self.momentum *= config.momentum;
            self.momentum += &gradient;
            weights -= (gradient + &self.momentum * config.momentum) * rate;
            // A short memory first, so that the starting values do not linger in the average.
            let decay = config.average_decay.min((1.0 + step as f64) / (5.0 + step as f64));
            let _ = self.average.lerp_(&weights, 1.0 - decay);
        });
    }

    /// The momentum.
    pub fn momentum(&self) -> &Tensor {
        &self.momentum
    }

    /// The running average of the weights.
    pub fn average(&self) -> &Tensor {
        &self.average
    }
}
