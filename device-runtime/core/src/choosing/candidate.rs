use crate::metrics::Millis;
use crate::space::ChildEntry;

/// A child that could be chosen, with its predicted time on this device.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The bundle's entry of the child.
    pub entry: ChildEntry,
    /// Predicted median time from image to logits.
    pub predicted: Millis,
}

impl Candidate {
    /// Accuracy on held-out images in percent: children are chosen by it, so that test images stay unseen.
    pub fn accuracy(&self) -> f64 {
        self.entry.held_out.percent()
    }
}

/// Orders candidates as the choice walks through them: most accurate first, of equals the faster first.
pub fn rank(candidates: &mut [Candidate]) {
    candidates.sort_by(|a, b| b.accuracy().total_cmp(&a.accuracy()).then(a.predicted.0.total_cmp(&b.predicted.0)));
}
