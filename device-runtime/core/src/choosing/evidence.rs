use crate::choosing::Budget;
use crate::metrics::{Latency, Millis, percentiles};
use std::sync::Arc;

/// A prediction counts as much as so many ms of a child's own runs.
const PREDICTION: f64 = 200.0;
/// The percentiles at which a child's own runs are compared with the predicted ones.
const COMPARED: [usize; 3] = [20, 50, 80];

/// All that is known of a child's times at a moment: those that were predicted, and its own runs.
///
/// ```
/// use nestling_core::choosing::{Budget, Evidence};
/// use nestling_core::metrics::Millis;
/// let budget = Budget::p95(Millis(5.0));
/// let mut evidence = Evidence::new(vec![Millis(4.0); 100]);
/// assert!(!evidence.keeps(budget, 1.1), "no child is taken by its prediction alone");
/// evidence.add(&[Millis(4.1); 50]);
/// assert!(evidence.keeps(budget, 1.1) && !evidence.keeps(budget, 1.3));
/// evidence.add(&[Millis(9.0); 20]);
/// assert!(!evidence.keeps(budget, 1.1) && evidence.misses(budget, 1.0) > 0.1);
/// ```
#[derive(Clone, Debug)]
pub struct Evidence {
    predicted: Arc<[Millis]>,
    runs: Vec<Millis>,
    looks: usize,
}

impl Evidence {
    /// Times that were predicted, for instance by [`Moment::times`](crate::latency::Moment::times).
    pub fn new(predicted: impl Into<Arc<[Millis]>>) -> Self {
        Self { predicted: predicted.into(), runs: Vec::new(), looks: 0 }
    }

    /// Adds runs of the child itself, made in one stretch of time.
    pub fn add(&mut self, runs: &[Millis]) {
        self.runs.extend_from_slice(runs);
        self.looks += 1;
    }

    /// How often runs were added.
    pub fn looks(&self) -> usize {
        self.looks
    }

    /// Quantiles of its own runs; none while there is no run.
    pub fn measured(&self) -> Option<Latency> {
        (!self.runs.is_empty()).then(|| Latency::of(&self.runs))
    }

    /// How much longer its own runs take than those predicted; none while there is no run.
    pub fn ratio(&self) -> Option<f64> {
        if self.runs.is_empty() {
            return None;
        }
        let own = percentiles(&self.runs, COMPARED);
        let predicted = percentiles(&self.predicted, COMPARED);
        let mut ratios: [f64; 3] = std::array::from_fn(|at| own[at].0 / predicted[at].0.max(f64::MIN_POSITIVE));
        ratios.sort_by(f64::total_cmp);
        Some(ratios[1])
    }

    /// The share of its runs that would exceed the limit: of those predicted, in the proportion of its own, and of its own.
    /// `ratio` is the proportion while it has none.
    pub fn misses(&self, budget: Budget, ratio: f64) -> f64 {
        let ratio = self.ratio().unwrap_or(ratio);
        let own: f64 = self.runs.iter().map(|run| run.0).sum();
        let weighted = PREDICTION * budget.misses(&self.predicted, ratio) + own * budget.misses(&self.runs, 1.0);
        weighted / (PREDICTION + own)
    }

    /// Whether it keeps the budget with [room](crate::latency::Timeline::room), and thus will when it is timed again. Its own
    /// runs must keep it, too.
    pub fn keeps(&self, budget: Budget, room: f64) -> bool {
        self.measured().is_some_and(|latency| budget.holds(latency))
            && self.misses(budget.with_room(room), 1.0) <= budget.allowed()
    }
}
