//! The choice as a pure state machine: predictions in, a few measurements asked for, a child out.

use crate::choosing::{Budget, Candidate, Evidence};
use crate::metrics::{Latency, Millis};

/// A child is timed again while the share of its runs that misses is above the allowed one by at most this. Each look
/// leaves less doubt.
const DOUBT: f64 = 0.08;
/// Looks at a child before it is rejected, if it was predicted to keep the budget: one may have met a burst of other work.
const LEAST_LOOKS: usize = 2;
/// Looks at a child at most.
const MOST_LOOKS: usize = 3;
/// Looks at all children, beyond which a child that keeps the budget is taken though a better one is in doubt; while none
/// keeps it, each further one gets the least looks.
const ALL_LOOKS: usize = 6;

/// The next action of a choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Time this candidate whole, and tell its runs to [`Race::saw`].
    Time(usize),
    /// The choice is made.
    Done(Outcome),
}

/// The end of a choice.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// This candidate keeps the budget.
    Keeps {
        /// Its index.
        index: usize,
        /// Its measured latency.
        latency: Latency,
        /// The more accurate candidate that is nearest to keeping it; none if it is the most accurate.
        passed_over: Option<PassedOver>,
    },
    /// Even the fastest candidate breaks the budget.
    TooTight {
        /// Index of the fastest.
        index: usize,
        /// Its measured latency.
        latency: Latency,
    },
}

/// A candidate that would break the budget.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PassedOver {
    /// Its index.
    pub index: usize,
    /// Its time at the budget's quantile.
    pub time: Millis,
    /// Whether that time was measured, or predicted only.
    pub measured: bool,
    /// The share of its runs that would exceed the limit, or come too near to it to keep it.
    pub misses: f64,
}

/// Finds the most accurate of some candidates that keeps a budget, by timing as few as it can.
///
/// Candidates that may keep the budget by their predictions are timed in turns, the one with the fewest looks first:
/// a burst of other work meets all of them, and a child that it spoiled is looked at again. The most accurate one whose
/// [`Evidence`] keeps the budget is taken. The ratio of the measured times to the predicted ones corrects the
/// predictions of the others. If none keeps the budget, the fastest is taken if its own runs do.
#[derive(Clone, Debug)]
pub struct Race<'a> {
    ranked: &'a [Candidate],
    budget: Budget,
    room: f64,
    evidence: Vec<Evidence>,
}

impl<'a> Race<'a> {
    /// `ranked` are the candidates, the most accurate first; there must be one. `room` is how much tighter than the budget a
    /// child's time must be, by how unsteady the device is.
    pub fn new(ranked: &'a [Candidate], budget: Budget, room: f64) -> Self {
        let evidence = ranked.iter().map(|one| Evidence::new(one.times.clone())).collect();
        Self { ranked, budget, room, evidence }
    }

    /// Takes runs of a candidate.
    ///
    /// # Panics
    /// If there is no candidate with this index.
    pub fn saw(&mut self, index: usize, runs: &[Millis]) {
        self.evidence[index].add(runs);
    }

    /// The number of times that runs were taken.
    pub fn looks(&self) -> usize {
        self.evidence.iter().map(Evidence::looks).sum()
    }

    /// The next step.
    pub fn step(&self) -> Step {
        let kept = (0..self.ranked.len()).find(|&index| self.evidence[index].keeps(self.budget, self.room));
        let usual = self.usual_ratio();
        let misses: Vec<f64> = (0..self.ranked.len()).map(|index| self.misses(index, usual)).collect();
        let better = 0..kept.unwrap_or(self.ranked.len());
        // Among those that seem to keep the budget, the most accurate one comes first.
        let doubt = |index: usize| Some(misses[index]).filter(|&misses| misses > self.budget.allowed());
        let order = |index: usize| (self.evidence[index].looks(), doubt(index).unwrap_or_default());
        let next = better
            .filter(|&index| self.is_open(index, misses[index], kept.is_some()))
            .map(|index| (index, order(index)))
            .min_by(|(_, a), (_, b)| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
        match (next, kept) {
            (Some((index, _)), _) => Step::Time(index),
            (None, Some(index)) => Step::Done(self.taken(index, &misses, usual)),
            (None, None) => self.fastest(&misses, usual),
        }
    }

    /// Whether another look may change the verdict.
    fn is_open(&self, index: usize, misses: f64, is_one_kept: bool) -> bool {
        let evidence = &self.evidence[index];
        let looks = evidence.looks();
        let was_predicted =
            || self.budget.with_room(self.room).misses(&self.ranked[index].times, 1.0) <= self.budget.allowed();
        let is_unlucky = (1..LEAST_LOOKS).contains(&looks) && was_predicted();
        let most = self.budget.allowed() + DOUBT / looks.max(1) as f64;
        let most_looks = match self.looks() < ALL_LOOKS {
            true => MOST_LOOKS,
            false if is_one_kept => 0,
            false => LEAST_LOOKS,
        };
        is_unlucky || looks < most_looks && misses <= most
    }

    /// The step where no candidate keeps the budget with certainty: nothing is faster than the fastest, so its own runs
    /// decide.
    fn fastest(&self, misses: &[f64], usual: f64) -> Step {
        let time = |index: usize| self.evidence[index].ratio().unwrap_or(usual) * self.ranked[index].predicted().0;
        let index = (0..self.ranked.len()).min_by(|&a, &b| time(a).total_cmp(&time(b))).unwrap_or(0);
        match self.evidence[index].measured() {
            Some(latency) if self.budget.holds(latency) => Step::Done(self.taken(index, misses, usual)),
            Some(latency) if self.evidence[index].looks() >= LEAST_LOOKS => {
                Step::Done(Outcome::TooTight { index, latency })
            }
            _ => Step::Time(index),
        }
    }

    fn taken(&self, index: usize, misses: &[f64], usual: f64) -> Outcome {
        let latency = self.evidence[index].measured().unwrap_or_else(|| self.ranked[index].latency());
        let order = |&a: &usize, &b: &usize| {
            let times = [a, b].map(|one| self.ranked[one].predicted().0);
            misses[a].total_cmp(&misses[b]).then(times[0].total_cmp(&times[1]))
        };
        let passed_over = (0..index).min_by(order).map(|better| {
            let measured = self.evidence[better].measured();
            let quantile = self.budget.quantile;
            let predicted = || Millis(usual * self.ranked[better].expected(quantile).0);
            PassedOver {
                index: better,
                time: measured.map_or_else(predicted, |latency| latency.at(quantile)),
                measured: measured.is_some(),
                misses: misses[better],
            }
        });
        Outcome::Keeps { index, latency, passed_over }
    }

    fn misses(&self, index: usize, usual: f64) -> f64 {
        self.evidence[index].misses(self.budget.with_room(self.room), usual)
    }

    /// The median ratio of measured to predicted times: what slows down one child slows down the others.
    fn usual_ratio(&self) -> f64 {
        let mut ratios: Vec<f64> = self.evidence.iter().filter_map(Evidence::ratio).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or(1.0)
    }
}

#[cfg(test)]
#[path = "race_tests.rs"]
mod tests;
