use crate::metrics::{Latency, Millis, Quantile, Spread};
use crate::space::ChildEntry;

/// A child that could be chosen, with its predicted time on this device.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The bundle's entry of the child.
    pub entry: ChildEntry,
    /// Predicted median time from image to logits.
    pub predicted: Millis,
    /// The spread of its times that is expected now. On a busy device that of a short child is large, because few of its
    /// runs are interrupted; every run of a long one is.
    pub spread: Spread,
    /// The ratio of the time that three fifths as many runs exceed to that of a quantile, for the quantile that is asked for.
    pub guard: f64,
    /// The interval that holds the time at that quantile in nine of ten moments like this one.
    pub interval: [Millis; 2],
}

impl Candidate {
    /// The time at a quantile that the prediction expects.
    pub fn expected(&self, quantile: Quantile) -> Millis {
        Millis(self.predicted.0 * self.spread.at(quantile))
    }

    /// All quantiles that the prediction expects.
    pub fn latency(&self) -> Latency {
        let [p50, p90, p95] = [Quantile::P50, Quantile::P90, Quantile::P95].map(|quantile| self.expected(quantile));
        Latency { p50, p90, p95 }
    }

    /// Accuracy on held-out images in percent: children are chosen by it, so that test images stay unseen.
    pub fn accuracy(&self) -> f64 {
        self.entry.held_out.percent()
    }
}

/// Orders candidates as the choice walks through them: most accurate first, of equals the faster first.
pub fn rank(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| b.accuracy().total_cmp(&a.accuracy()).then(a.predicted.0.total_cmp(&b.predicted.0)));
}
