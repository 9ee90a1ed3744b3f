//! The choice as a pure function: predictions in, a few measurements asked for, a child out.

use crate::choosing::{Budget, Candidate};
use crate::metrics::{Latency, Millis};

/// Where the walk ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// This candidate holds the budget.
    Holds {
        /// Its index.
        index: usize,
        /// Its measured latency.
        latency: Latency,
        /// The more accurate candidate that was passed over.
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
    /// The least limit that it would be taken for: more than `time`, because a child whose time equals the limit breaks it
    /// half of the time.
    pub needs: Millis,
}

/// Finds the most accurate of the `ranked` candidates that holds `budget`, measuring as few as it can.
///
/// Starts at the most accurate candidate that is predicted to hold the budget. If it breaks the budget when measured,
/// the next one is the most accurate of the less accurate candidates that should hold by the measurements so far. If it
/// holds, the more accurate candidates are tried in the same way.
/// The fastest candidate, and one that is predicted to hold, are measured twice before they are passed by, because the
/// first measurement may be an outlier; `measure` returns the time over all measurements of a candidate.
///
/// `ranked` must not be empty.
pub fn walk<E>(
    ranked: &[Candidate],
    budget: Budget,
    mut measure: impl FnMut(usize) -> Result<Latency, E>,
) -> Result<Outcome, E> {
    let expected: Vec<f64> = ranked.iter().map(|candidate| candidate.expected(budget.quantile).0).collect();
    let limit = budget.limit.0;
    let fastest = (0..ranked.len()).min_by(|&a, &b| expected[a].total_cmp(&expected[b])).unwrap_or(0);
    let start = (0..ranked.len()).find(|&index| expected[index] <= limit).unwrap_or(fastest);
    // Timed again, a child takes a little more or less.
    let holds =
        |index: usize, latency: Latency| budget.holds_with_room(latency, ranked[index].spread, ranked[index].guard);
    let again = |index: usize, latency: Latency| budget.expected(latency, ranked[index].spread).0;
    let measured = |index: usize, latency: Latency| {
        let (time, expected) = (latency.at(budget.quantile), again(index, latency) * budget.room(ranked[index].guard));
        Some(PassedOver { index, time, measured: true, needs: Millis(expected.max(time.0)) })
    };
    // The ratio of measurement to prediction of one child corrects the prediction of another.
    let corrected = |index: usize, known: usize, latency: Latency| {
        expected[index] * again(known, latency) / expected[known].max(f64::MIN_POSITIVE)
    };

    let mut index = start;
    let mut latency = measure(index)?;
    let mut passed_over = None;
    while !holds(index, latency) {
        let faster = || (index + 1..ranked.len()).filter(|&next| expected[next] < expected[index]);
        // If nothing is faster, no margin is needed.
        let fits = |latency: Latency| holds(index, latency) || faster().next().is_none() && budget.holds(latency);
        if !fits(latency) && (expected[index] <= limit || faster().next().is_none()) {
            latency = measure(index)?;
        }
        if fits(latency) {
            break;
        }
        let should_hold = |&next: &usize| corrected(next, index, latency) * budget.room(ranked[next].guard) <= limit;
        let least = faster().min_by(|&a, &b| expected[a].total_cmp(&expected[b]));
        let Some(next) = faster().find(should_hold).or(least) else {
            return Ok(Outcome::TooTight { index, latency });
        };
        passed_over = measured(index, latency);
        index = next;
        latency = measure(index)?;
    }
    // Whatever was walked past did not hold.
    let more_accurate = if index == start { 0..start } else { 0..0 };
    for better in more_accurate.rev() {
        let should_take = corrected(better, index, latency);
        // A better one beyond it may still be faster, where this one is dominated.
        let needs = should_take * budget.room(ranked[better].guard);
        if needs > limit {
            let (time, needs) = (Millis(should_take), Millis(needs));
            passed_over = passed_over.or(Some(PassedOver { index: better, time, measured: false, needs }));
            continue;
        }
        let mut theirs = measure(better)?;
        if !holds(better, theirs) {
            theirs = measure(better)?;
        }
        if holds(better, theirs) {
            (index, latency, passed_over) = (better, theirs, None);
        } else {
            passed_over = measured(better, theirs);
        }
    }
    Ok(Outcome::Holds { index, latency, passed_over })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Spread, Top1};
    use crate::space::{ChildEntry, SearchSpace};
    use std::convert::Infallible;

    /// Candidates of these predicted times, the first the most accurate.
    fn ranked(times: &[f64]) -> Vec<Candidate> {
        let space = SearchSpace::fashion().validated().unwrap();
        let child = space.smallest();
        let cost = space.lower(&child).unwrap().cost();
        let candidate = |(place, &time): (usize, &f64)| {
            let measured = Top1 { correct: 95 - place as u32, images: 100 };
            let name = format!("child-{place}");
            let entry = ChildEntry { name, child: child.clone(), cost, held_out: measured, test: measured };
            Candidate { entry, predicted: Millis(time), spread: WIDE_SPREAD, guard: 1.0, interval: [Millis(time); 2] }
        };
        times.iter().enumerate().map(candidate).collect()
    }

    const WIDE_SPREAD: Spread = Spread { p90: 1.5, p95: 2.0 };

    /// Walks with these true medians and a p90 of 1.5 times that; returns the outcome and what was measured.
    fn walked(predicted: &[f64], truth: &[f64], budget: Budget) -> (Outcome, Vec<usize>) {
        let mut asked = Vec::new();
        let outcome = walk(&ranked(predicted), budget, |index| {
            asked.push(index);
            Ok::<_, Infallible>(Latency {
                p50: Millis(truth[index]),
                p90: Millis(1.5 * truth[index]),
                p95: Millis(2.0 * truth[index]),
            })
        });
        (outcome.unwrap(), asked)
    }

    fn chosen(outcome: Outcome) -> Option<usize> {
        match outcome {
            Outcome::Holds { index, .. } => Some(index),
            Outcome::TooTight { .. } => None,
        }
    }

    #[test]
    fn a_true_prediction_costs_one_measurement() {
        let times = [8.0, 6.0, 4.0, 2.0];
        let (outcome, asked) = walked(&times, &times, Budget::p50(Millis(5.0)));
        assert_eq!((chosen(outcome), asked), (Some(2), vec![2]));
        let Outcome::Holds { passed_over: Some(passed), .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!((passed.index, passed.measured), (1, false));
        // At p90 the same 5 ms allow less.
        let (outcome, asked) = walked(&times, &times, Budget::p90(Millis(5.0)));
        assert_eq!((chosen(outcome), asked), (Some(3), vec![3]));
        let (outcome, asked) = walked(&times, &times, Budget::p95(Millis(9.0)));
        assert_eq!((chosen(outcome), asked), (Some(2), vec![2]));
        let (outcome, _) = walked(&times, &times, Budget::p50(Millis(100.0)));
        assert!(matches!(outcome, Outcome::Holds { index: 0, passed_over: None, .. }));
    }

    #[test]
    fn a_prediction_too_low_walks_to_faster_children() {
        let (outcome, asked) = walked(&[8.0, 6.0, 4.0, 2.0], &[16.0, 12.0, 8.0, 4.0], Budget::p50(Millis(5.0)));
        assert_eq!((chosen(outcome), asked), (Some(3), vec![2, 2, 3]));
        let Outcome::Holds { passed_over, .. } = outcome else { panic!("{outcome:?}") };
        assert_eq!(passed_over, Some(PassedOver { index: 2, time: Millis(8.0), measured: true, needs: Millis(8.4) }));
    }

    #[test]
    fn a_prediction_too_high_walks_to_better_children() {
        let (outcome, asked) = walked(&[8.0, 6.0, 4.0, 2.0], &[4.0, 3.0, 2.0, 1.0], Budget::p50(Millis(3.5)));
        assert_eq!((chosen(outcome), asked), (Some(1), vec![3, 2, 1]));
    }

    #[test]
    fn a_device_that_is_twice_as_slow_as_predicted_is_asked_only_of_what_should_hold() {
        let times = [8.0, 7.0, 6.0, 5.0, 4.0, 2.0];
        let (outcome, asked) = walked(&times, &times.map(|time| 2.0 * time), Budget::p50(Millis(8.5)));
        assert_eq!((chosen(outcome), asked), (Some(4), vec![0, 0, 4]));
    }

    #[test]
    fn a_child_whose_own_slow_runs_break_the_budget_is_not_taken() {
        let mut candidates = ranked(&[4.0, 2.0]);
        candidates.iter_mut().for_each(|one| one.spread = Spread { p90: 1.0, p95: 1.0 });
        let outcome = walk(&candidates, Budget::p95(Millis(5.0)), |index| {
            let p50 = [4.0, 2.0][index];
            Ok::<_, Infallible>(Latency { p50: Millis(p50), p90: Millis(1.3 * p50), p95: Millis(1.3 * p50) })
        });
        let Ok(Outcome::Holds { index: 1, passed_over: Some(passed), .. }) = outcome else { panic!("{outcome:?}") };
        // Its own time, which is the one that is reported.
        assert_eq!((passed.index, passed.measured, passed.time), (0, true, Millis(5.2)));
        assert!(passed.needs.0 >= 5.2, "{passed:?}");
    }

    #[test]
    fn a_dominated_child_hides_no_better_one_beyond_it() {
        let (outcome, asked) = walked(&[6.0, 9.0, 5.0], &[3.0, 4.5, 2.5], Budget::p50(Millis(5.2)));
        assert_eq!((chosen(outcome), asked), (Some(0), vec![2, 1, 0]));
        // The one between is too slow for the budget; the better one is not.
        let (outcome, asked) = walked(&[6.0, 9.0, 5.0], &[4.0, 6.0, 3.3], Budget::p50(Millis(5.2)));
        assert_eq!((chosen(outcome), asked), (Some(0), vec![2, 0]));
    }

    #[test]
    fn a_child_that_is_worse_and_slower_is_passed_by() {
        let (outcome, asked) = walked(&[8.0, 4.0, 5.0, 2.0], &[8.0, 6.0, 6.0, 2.0], Budget::p50(Millis(5.0)));
        assert_eq!((chosen(outcome), asked), (Some(3), vec![1, 1, 3]));
    }

    #[test]
    fn a_budget_below_the_fastest_is_measured_twice_and_refused() {
        let times = [8.0, 6.0, 2.0];
        let (outcome, asked) = walked(&times, &times, Budget::p50(Millis(1.0)));
        assert!(matches!(outcome, Outcome::TooTight { index: 2, .. }));
        assert_eq!(asked, [2, 2]);
        // An outlier costs a second measurement, whether the child is the fastest or one that was predicted to hold.
        let (mut asked, mut calls) = (Vec::new(), 0);
        let outlier = walk(&ranked(&times), Budget::p50(Millis(7.0)), |index| {
            asked.push(index);
            calls += 1;
            let time = Millis(if calls == 1 { 50.0 } else { 6.0 });
            Ok::<_, Infallible>(Latency { p50: time, p90: time, p95: time })
        });
        assert_eq!((chosen(outlier.unwrap()), asked), (Some(1), vec![1, 1]));
        let mut calls = 0;
        let outlier = walk(&ranked(&times), Budget::p50(Millis(3.0)), |_| {
            calls += 1;
            let time = Millis(if calls == 1 { 50.0 } else { 2.0 });
            Ok::<_, Infallible>(Latency { p50: time, p90: time, p95: time })
        });
        assert_eq!(chosen(outlier.unwrap()), Some(2));
    }
}
