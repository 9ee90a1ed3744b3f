#[cfg(not(target_arch = "wasm32"))]
use crate::engine::Replaced;
use nestling_core::space::Child;
use std::sync::Arc;

/// A child's classification of an image.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    labels: Arc<[String]>,
    child: Child,
    logits: Vec<f32>,
    /// Classes and their probabilities, most probable first; never empty.
    ranked: Vec<(usize, f64)>,
    #[cfg(not(target_arch = "wasm32"))]
    replaced: Vec<Replaced>,
}

/// A class that an image may belong to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Guess<'a> {
    /// Its name in the bundle.
    pub label: &'a str,
    /// Its number.
    pub class: usize,
    /// Softmax of the logits: 0 to 1, all classes sum to 1.
    pub probability: f64,
}

impl Answer {
    /// Turns logits into probabilities; `None` if one is not finite or there is none.
    pub(super) fn new(labels: Arc<[String]>, child: Child, logits: Vec<f32>) -> Option<Self> {
        if logits.is_empty() || labels.len() != logits.len() || !logits.iter().all(|logit| logit.is_finite()) {
            return None;
        }
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f64> = logits.iter().map(|&logit| f64::from(logit - largest).exp()).collect();
        let sum: f64 = powers.iter().sum();
        let mut ranked: Vec<(usize, f64)> = powers.iter().map(|power| power / sum).enumerate().collect();
        // By logit, because two probabilities may round to the same; stable, so that of equals the first class wins.
        ranked.sort_by(|a, b| logits[b.0].total_cmp(&logits[a.0]));
        Some(Self {
            labels,
            child,
            logits,
            ranked,
            #[cfg(not(target_arch = "wasm32"))]
            replaced: Vec::new(),
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn with_replaced(self, replaced: Vec<Replaced>) -> Self {
        Self { replaced, ..self }
    }

    /// The most probable class.
    pub fn top(&self) -> Guess<'_> {
        self.guess(self.ranked[0])
    }

    /// The `count` most probable classes, most probable first.
    pub fn top_k(&self, count: usize) -> impl Iterator<Item = Guess<'_>> {
        self.ranked.iter().take(count).map(|&ranked| self.guess(ranked))
    }

    /// The network's output, one value a class in the bundle's order.
    pub fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// The child that answered.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Kernels that this device gets wrong, each with the one that ran in its place; none on most devices.
    /// [`Runtime::replaced`](super::Runtime::replaced) gives the same.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn replaced(&self) -> &[Replaced] {
        &self.replaced
    }

    fn guess(&self, (class, probability): (usize, f64)) -> Guess<'_> {
        Guess { label: &self.labels[class], class, probability }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nestling_core::space::SearchSpace;

    fn answer(logits: &[f32]) -> Option<Answer> {
        let labels: Vec<String> = (0..logits.len()).map(|class| format!("class {class}")).collect();
        Answer::new(labels.into(), SearchSpace::fashion().validated().unwrap().smallest(), logits.to_vec())
    }

    #[test]
    fn probabilities_are_the_softmax_and_sorted() {
        let answer = answer(&[1.0, 3.0, 2.0]).unwrap();
        let classes: Vec<usize> = answer.top_k(9).map(|guess| guess.class).collect();
        assert_eq!(classes, [1, 2, 0]);
        assert_eq!(answer.top().label, "class 1");
        assert!((answer.top().probability - 1.0 / (1.0 + (-1f64).exp() + (-2f64).exp())).abs() < 1e-12);
        assert!((answer.top_k(3).map(|guess| guess.probability).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn huge_logits_do_not_overflow_and_no_numbers_are_no_answer() {
        assert!((answer(&[1e30, 1e30]).unwrap().top().probability - 0.5).abs() < 1e-12);
        assert_eq!(answer(&[3e38, -3e38]).unwrap().top().probability, 1.0);
        assert_eq!(answer(&[1.0, f32::NAN]), None);
        assert_eq!(answer(&[f32::INFINITY, 0.0]), None);
        assert_eq!(answer(&[]), None);
    }
}
