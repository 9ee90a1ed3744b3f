use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// The loss of a child that learns from the biggest child's answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Distillation {
    /// Cross entropy with the soft labels, at temperature 1 (BigNAS, inplace distillation).
    #[default]
    CrossEntropy,
    /// For each image the larger of the alpha-divergences of -1 and 1, with clipped ratios (AlphaNet, Wang et al.,
    /// 2021): it punishes too much certainty as well as too little.
    AlphaDivergence,
}

/// Largest ratio of probabilities that counts (AlphaNet).
const MAX_RATIO: f64 = 5.0;

impl Distillation {
    /// The loss of a child's logits, whose gradient is that of the divergence, as a mean over the batch.
    pub(super) fn loss(self, soft_labels: &Tensor, logits: &Tensor) -> Tensor {
        let log_probabilities = logits.log_softmax(-1, Kind::Float);
        let count = soft_labels.size()[0] as f64;
        match self {
            Self::CrossEntropy => -(soft_labels * log_probabilities).sum(Kind::Float) / count,
            Self::AlphaDivergence => {
                let probabilities = log_probabilities.detach().exp();
                let ratio = soft_labels / probabilities.clamp_min(1e-12);
                let [low, high] = [-1.0, 1.0].map(|alpha| divergence(alpha, &probabilities, &ratio));
                let is_low = low.0.gt_tensor(&high.0).to_kind(Kind::Float).unsqueeze(-1);
                let weight: Tensor = &low.1 * &is_low + &high.1 * (1.0 - is_low);
                (weight * probabilities * log_probabilities).sum(Kind::Float) / -count
            }
        }
    }
}

/// The divergence of each image, and the factors of its gradient: that of the divergence is the sum of
/// `-factor * probability * gradient of the log probability` over the classes.
fn divergence(alpha: f64, probabilities: &Tensor, ratio: &Tensor) -> (Tensor, Tensor) {
    let over_classes = |term: Tensor| (probabilities * term).sum_dim_intlist(-1, false, Kind::Float);
    if alpha == 1.0 {
        return (over_classes(ratio * ratio.clamp_min(1e-12).log()), ratio.shallow_clone());
    }
    let power = ratio.clamp_min(1e-12).pow_tensor_scalar(alpha).clamp_max(MAX_RATIO);
    let base = 1.0 / (alpha * (alpha - 1.0));
    (over_classes((&power - 1.0) * base), power / alpha + base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::values_of;

    /// Two images of three classes; the second is nearly right.
    fn logits() -> [Tensor; 2] {
        crate::torch::initialise();
        let teacher = Tensor::from_slice(&[1.0f32, 0.0, -1.0, 0.2, 0.1, 0.0]).view([2, 3]);
        let child = Tensor::from_slice(&[0.3f32, 0.4, -0.2, 0.3, 0.1, -0.1]).view([2, 3]);
        [teacher.softmax(-1, Kind::Float), child]
    }

    fn gradient(of: &dyn Fn(&Tensor) -> Tensor, at: &Tensor) -> Vec<f32> {
        let leaf = at.copy().set_requires_grad(true);
        values_of(&Tensor::run_backward(&[of(&leaf)], &[&leaf], false, false)[0])
    }

    /// The divergences themselves, without the trick: libtorch differentiates them.
    fn plain(alpha: f64, soft_labels: &Tensor, logits: &Tensor) -> Tensor {
        let probabilities = logits.softmax(-1, Kind::Float);
        let ratio = soft_labels / &probabilities;
        let term = if alpha == 1.0 {
            &ratio * ratio.log()
        } else {
            (ratio.pow_tensor_scalar(alpha) - 1.0) / (alpha * (alpha - 1.0))
        };
        (probabilities * term).sum_dim_intlist(-1, false, Kind::Float)
    }

    #[test]
    fn the_gradients_are_those_of_the_divergences() {
        let [soft_labels, child] = logits();
        for alpha in [-1.0, 1.0] {
            let trick = |logits: &Tensor| {
                let log = logits.log_softmax(-1, Kind::Float);
                let probabilities = log.detach().exp();
                let (_, factor) = divergence(alpha, &probabilities, &(&soft_labels / &probabilities));
                -(factor * probabilities * log).sum(Kind::Float)
            };
            let whole = gradient(&|logits| plain(alpha, &soft_labels, logits).sum(Kind::Float), &child);
            let ours = gradient(&trick, &child);
            assert!(whole.iter().zip(&ours).all(|(a, b)| (a - b).abs() < 1e-5), "{alpha}: {whole:?} {ours:?}");
        }
    }

    #[test]
    fn cross_entropy_has_the_gradient_of_the_kl_divergence() {
        let [soft_labels, child] = logits();
        let ours = gradient(&|logits| Distillation::CrossEntropy.loss(&soft_labels, logits), &child);
        let kl = gradient(&|logits| plain(1.0, &soft_labels, logits).sum(Kind::Float) / 2.0, &child);
        assert!(ours.iter().zip(&kl).all(|(a, b)| (a - b).abs() < 1e-6), "{ours:?} {kl:?}");
    }

    #[test]
    fn the_larger_divergence_counts_for_each_image() {
        let [soft_labels, child] = logits();
        let ours = gradient(&|logits| Distillation::AlphaDivergence.loss(&soft_labels, logits), &child);
        let [low, high] = [-1.0, 1.0].map(|alpha| plain(alpha, &soft_labels, &child));
        for image in 0..2 {
            let alpha = if low.double_value(&[image]) > high.double_value(&[image]) { -1.0 } else { 1.0 };
            let expected = gradient(&|logits| plain(alpha, &soft_labels, logits).get(image) / 2.0, &child);
            for class in 0..3 {
                let at = image as usize * 3 + class;
                assert!((ours[at] - expected[at]).abs() < 1e-5, "{image}: {ours:?} {expected:?}");
            }
        }
    }
}
