use crate::choosing::{Budget, Candidate, PassedOver};
use crate::metrics::{Latency, Load, Millis};
use crate::space::ChildEntry;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A child that holds a budget on this device, and why it was taken.
///
/// Prints as one line.
#[derive(Clone, Debug)]
pub struct Choice {
    budget: Budget,
    index: usize,
    ranked: Arc<[Candidate]>,
    measured: Latency,
    switched_in: Duration,
    why: String,
    load: Load,
    /// In a browser nothing is replaced.
    #[cfg(not(target_arch = "wasm32"))]
    replaced: Vec<String>,
}

impl Choice {
    /// The candidate of `ranked` (the most accurate first) at `index`, which holds `budget` and took `measured`.
    ///
    /// # Panics
    /// If `index`, or that of `passed_over`, is none of `ranked`.
    pub fn new(
        ranked: Arc<[Candidate]>,
        index: usize,
        budget: Budget,
        measured: Latency,
        passed_over: Option<PassedOver>,
    ) -> Self {
        let why = explain(&ranked, index, budget, passed_over);
        Self {
            budget,
            index,
            ranked,
            measured,
            switched_in: Duration::ZERO,
            why,
            load: Load { share: 1.0 },
            #[cfg(not(target_arch = "wasm32"))]
            replaced: Vec::new(),
        }
    }

    /// Sets the load of the device beside which it was measured.
    pub fn with_load(self, load: Load) -> Self {
        Self { load, ..self }
    }

    /// Sets the kernels that the device gets wrong, in words. Their number stands in [`Choice::why`] too, which every
    /// language shows.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn with_replaced(mut self, replaced: Vec<String>) -> Self {
        if !replaced.is_empty() {
            let noun = if replaced.len() == 1 { "kernel is" } else { "kernels are" };
            self.why = format!("{}; {} {noun} wrong on this device and replaced", self.why, replaced.len());
        }
        self.replaced = replaced;
        self
    }

    /// Kernels that the device gets wrong, each with the one that ran in its place when the child was timed. Empty
    /// almost everywhere.
    pub fn replaced(&self) -> &[String] {
        #[cfg(target_arch = "wasm32")]
        return &[];
        #[cfg(not(target_arch = "wasm32"))]
        &self.replaced
    }

    /// Sets the time that the switch to it took.
    pub fn with_switch_time(self, switched_in: Duration) -> Self {
        Self { switched_in, ..self }
    }

    /// The budget that was asked for.
    pub fn budget(&self) -> Budget {
        self.budget
    }

    /// The bundle's entry of the child: name, choices, cost, accuracy on held-out and on test images.
    pub fn entry(&self) -> &ChildEntry {
        &self.candidate().entry
    }

    /// Median time that the latency table predicted, from image to logits.
    pub fn predicted(&self) -> Millis {
        self.candidate().predicted()
    }

    /// Time from image to logits, measured on this device before the child was taken.
    pub fn measured(&self) -> Latency {
        self.measured
    }

    /// The load of the device beside which it was measured.
    pub fn load(&self) -> Load {
        self.load
    }

    /// The interval that holds its time at the budget's quantile in nine of ten moments like that of the choice: the
    /// prediction's, around the time that was measured.
    pub fn interval(&self) -> [Millis; 2] {
        let (candidate, quantile) = (self.candidate(), self.budget.quantile);
        let factor = self.measured.at(quantile).0 / candidate.expected(quantile).0.max(f64::MIN_POSITIVE);
        candidate.interval.map(|end| Millis(factor * end.0))
    }

    /// `5.970 ms (5.600 ms to 6.400 ms) at p95, busy: 68 % of the time was ours`.
    pub fn sureness(&self) -> String {
        let (quantile, [low, high]) = (self.budget.quantile, self.interval());
        format!("{} ({low} to {high}) at {quantile}, {}", self.measured.at(quantile), self.load)
    }

    /// The time that the switch to the child took.
    pub fn switched_in(&self) -> Duration {
        self.switched_in
    }

    /// Why this child, in one sentence.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The most accurate shipped child that is predicted to be faster: the one to fall back to when the device warms
    /// up. `None` if this is the fastest.
    pub fn next_faster(&self) -> Option<&Candidate> {
        // The ranking is by accuracy, so the first that is faster is the most accurate one.
        let own = self.predicted().0;
        self.ranked.iter().find(|other| other.predicted().0 < own)
    }

    /// The fastest shipped child that is more accurate: the one to try when there is time to spare. `None` if this is
    /// the most accurate.
    pub fn next_better(&self) -> Option<&Candidate> {
        let own = self.candidate().accuracy();
        let better = self.ranked.iter().filter(|other| other.accuracy() > own);
        better.min_by(|a, b| a.predicted().0.total_cmp(&b.predicted().0))
    }

    fn candidate(&self) -> &Candidate {
        &self.ranked[self.index]
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ChildEntry { name, child, cost, test, .. } = self.entry();
        let (predicted, Latency { p50, p90, p95 }, top1) = (self.predicted(), self.measured, test);
        let (madds, params, why) = (cost.madds, cost.params as f64 / 1e3, self.why());
        write!(
            f,
            "{name} ({child}): {top1} top-1, {madds} MAdds, {params:.1} k params; predicted {predicted}, measured \
             p50 {p50}, p90 {p90}, p95 {p95}; {}; {why}",
            self.sureness()
        )
    }
}

/// The sentence of [`Choice::why`].
fn explain(ranked: &[Candidate], index: usize, budget: Budget, passed_over: Option<PassedOver>) -> String {
    let Some(passed) = passed_over else {
        return format!("the most accurate child that ships keeps within {budget}");
    };
    let gain = ranked[passed.index].accuracy() - ranked[index].accuracy();
    let name = &ranked[passed.index].entry.name;
    let (verb, would) = if passed.measured { ("took", "missed") } else { ("is predicted at", "would miss") };
    let (count, time, misses) = (ranked.len(), passed.time, percent(passed.misses));
    let needs = if time.0 <= budget.limit.0 {
        // Without this the sentence would contradict itself.
        format!(", and {would} it, or came too near, in {misses} of its runs")
    } else {
        String::new()
    };
    format!(
        "the most accurate of {count} that keeps within {budget}: `{name}`, {gain:.2} points better, {verb} {time}{needs}"
    )
}

/// A share that is not zero is at least 1 %.
fn percent(share: f64) -> String {
    format!("{:.0} %", if share > 0.0 { (100.0 * share).max(1.0) } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choosing::{Outcome, Race, Step};
    use crate::metrics::Top1;
    use crate::space::SearchSpace;
    use proptest::prelude::*;

    fn ranked(times: &[f64]) -> Arc<[Candidate]> {
        let space = SearchSpace::fashion().validated().unwrap();
        let child = space.smallest();
        let cost = space.lower(&child).unwrap().cost();
        let candidate = |(place, &time): (usize, &f64)| {
            let top1 = Top1 { correct: 95 - place as u32, images: 100 };
            let entry =
                ChildEntry { name: format!("child-{place}"), child: child.clone(), cost, held_out: top1, test: top1 };
            let times = (0..20).map(|run| Millis(if run < 18 { time } else { 1.3 * time })).collect();
            Candidate { entry, times, interval: [Millis(0.9 * time), Millis(1.2 * time)] }
        };
        times.iter().enumerate().map(candidate).collect()
    }

    #[test]
    fn a_choice_says_how_many_kernels_were_replaced() {
        let measured = Latency { p50: Millis(4.0), p90: Millis(4.5), p95: Millis(5.0) };
        let choice = || Choice::new(ranked(&[4.0]), 0, Budget::p95(Millis(9.0)), measured, None);
        let replaced = |count: usize| choice().with_replaced(vec!["`dense` by `fallback`".to_owned(); count]);
        assert_eq!((replaced(0).why(), replaced(0).replaced().len()), (choice().why(), 0));
        assert!(replaced(1).why().ends_with("; 1 kernel is wrong on this device and replaced"));
        assert!(replaced(2).to_string().contains("2 kernels are wrong"));
        assert_eq!(replaced(2).replaced(), ["`dense` by `fallback`"; 2]);
    }

    #[test]
    fn a_child_that_is_passed_over_within_the_limit_has_its_reason() {
        let ranked = ranked(&[4.0, 2.0]);
        let passed = |time: f64, misses: f64| {
            let passed = PassedOver { index: 0, time: Millis(time), measured: true, misses };
            explain(&ranked, 1, Budget::p95(Millis(5.0)), Some(passed))
        };
        assert!(passed(5.5, 0.4).ends_with("1.00 points better, took 5.500 ms"), "{}", passed(5.5, 0.4));
        let close = passed(4.9, 0.08);
        assert!(close.ends_with("took 4.900 ms, and missed it, or came too near, in 8 % of its runs"), "{close}");
        assert!(passed(4.9, 0.001).contains("in 1 % of"));
    }

    proptest! {
        /// The child that a sentence names as too slow misses the limit in more runs than are allowed.
        #[test]
        fn no_sentence_contradicts_itself(
            times in proptest::collection::vec(1.0f64..20.0, 2..8),
            limit in 1.0f64..20.0,
            slower in 1.0f64..1.4,
        ) {
            let (ranked, budget) = (ranked(&times), Budget::p90(Millis(limit)));
            let mut race = Race::new(&ranked, budget, 1.1);
            let outcome = loop {
                match race.step() {
                    Step::Done(outcome) => break outcome,
                    Step::Time(index) => {
                        let runs: Vec<Millis> = ranked[index].times.iter().map(|time| Millis(slower * time.0)).collect();
                        race.saw(index, &runs);
                    }
                }
            };
            if let Outcome::Keeps { index, passed_over: Some(passed), .. } = outcome {
                prop_assert!(passed.misses > budget.allowed() || passed.time.0 > limit, "{passed:?} for {limit}");
                let why = explain(&ranked, index, budget, Some(passed));
                prop_assert_eq!(passed.time.0 <= limit, why.contains("too near"));
            }
        }
    }
}
