use crate::metrics::{Latency, Millis, Quantile};
use crate::space::ChildEntry;
use std::sync::Arc;

/// A child that could be chosen, with its predicted times on this device.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The bundle's entry of the child.
    pub entry: ChildEntry,
    /// Its predicted times from image to logits, wherever an inference begins: many, because other programs interrupt
    /// some of them.
    pub times: Arc<[Millis]>,
    /// The interval that holds the time at the budget's quantile in nine of ten moments like this one.
    pub interval: [Millis; 2],
}

impl Candidate {
    /// Predicted median time.
    pub fn predicted(&self) -> Millis {
        self.latency().p50
    }

    /// The predicted time at a quantile.
    pub fn expected(&self, quantile: Quantile) -> Millis {
        self.latency().at(quantile)
    }

    /// All predicted quantiles.
    pub fn latency(&self) -> Latency {
        Latency::of(&self.times)
    }

    /// Accuracy on held-out images in percent: children are chosen by it, so that test images stay unseen.
    pub fn accuracy(&self) -> f64 {
        self.entry.held_out.percent()
    }
}

/// Orders candidates as a choice prefers them: most accurate first, of equals the faster first.
pub fn rank(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| {
        b.accuracy().total_cmp(&a.accuracy()).then_with(|| a.predicted().0.total_cmp(&b.predicted().0))
    });
}
