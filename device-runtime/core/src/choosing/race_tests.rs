use super::*;
use crate::metrics::Top1;
use crate::space::{ChildEntry, SearchSpace};

/// Candidates of these predicted times, the first the most accurate; a tenth of the runs takes half as long again.
fn ranked(times: &[f64]) -> Vec<Candidate> {
    let space = SearchSpace::fashion().validated().unwrap();
    let child = space.smallest();
    let cost = space.lower(&child).unwrap().cost();
    let candidate = |(place, &time): (usize, &f64)| {
        let measured = Top1 { correct: 95 - place as u32, images: 100 };
        let name = format!("child-{place}");
        let entry = ChildEntry { name, child: child.clone(), cost, held_out: measured, test: measured };
        Candidate { entry, times: runs(time).into(), interval: [Millis(time); 2] }
    };
    times.iter().enumerate().map(candidate).collect()
}

fn runs(median: f64) -> Vec<Millis> {
    (0..100).map(|run| Millis(if run % 10 == 9 { 1.5 * median } else { median })).collect()
}

/// Races children of these true medians; returns the outcome and which were timed.
fn raced(predicted: &[f64], truth: &[f64], budget: Budget) -> (Outcome, Vec<usize>) {
    raced_with(&ranked(predicted), budget, |index, _| runs(truth[index]))
}

fn raced_with(
    ranked: &[Candidate],
    budget: Budget,
    mut time: impl FnMut(usize, usize) -> Vec<Millis>,
) -> (Outcome, Vec<usize>) {
    let mut race = Race::new(ranked, budget, 1.08);
    let mut asked = Vec::new();
    loop {
        match race.step() {
            Step::Done(outcome) => return (outcome, asked),
            Step::Time(index) => {
                let look = asked.iter().filter(|&&other| other == index).count();
                asked.push(index);
                race.saw(index, &time(index, look));
                assert!(asked.len() <= MOST_LOOKS * ranked.len(), "it never ends");
            }
        }
    }
}

fn chosen(outcome: Outcome) -> Option<usize> {
    match outcome {
        Outcome::Keeps { index, .. } => Some(index),
        Outcome::TooTight { .. } => None,
    }
}

#[test]
fn a_true_prediction_costs_one_measurement() {
    let times = [8.0, 6.0, 4.0, 2.0];
    let (outcome, asked) = raced(&times, &times, Budget::p50(Millis(5.0)));
    assert_eq!((chosen(outcome), asked), (Some(2), vec![2]));
    let Outcome::Keeps { passed_over: Some(passed), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((passed.index, passed.measured, passed.time, passed.misses), (1, false, Millis(6.0), 1.0));
    // At p95 the slow tenth of the runs counts, at p90 it does not.
    assert_eq!(chosen(raced(&times, &times, Budget::p95(Millis(5.0))).0), Some(3));
    assert_eq!(chosen(raced(&times, &times, Budget::p90(Millis(5.0))).0), Some(2));
    let (outcome, _) = raced(&times, &times, Budget::p50(Millis(100.0)));
    assert!(matches!(outcome, Outcome::Keeps { index: 0, passed_over: None, .. }));
}

#[test]
fn a_prediction_too_low_leads_to_faster_children() {
    let (outcome, asked) = raced(&[8.0, 6.0, 4.0, 2.0], &[16.0, 12.0, 8.0, 4.0], Budget::p50(Millis(5.0)));
    // The one that was predicted to keep the budget is looked at once more beside the other.
    assert_eq!((chosen(outcome), asked), (Some(3), vec![2, 3, 2]));
    let Outcome::Keeps { passed_over: Some(passed), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((passed.index, passed.time, passed.measured), (2, Millis(8.0), true));
}

#[test]
fn a_prediction_too_high_leads_to_better_children() {
    let (outcome, asked) = raced(&[8.0, 6.0, 4.0, 2.0], &[4.0, 3.0, 2.0, 1.0], Budget::p50(Millis(3.5)));
    assert_eq!((chosen(outcome), asked), (Some(1), vec![3, 1]));
}

#[test]
fn a_burst_of_other_work_costs_no_better_child() {
    let times = [6.0, 4.0, 2.0];
    // All children take three times as long in their first look.
    let (outcome, asked) = raced_with(&ranked(&times), Budget::p50(Millis(4.5)), |index, look| {
        let slower = if look == 0 { 3.0 } else { 1.0 };
        [runs(slower * times[index]), if look == 0 { Vec::new() } else { runs(times[index]) }].concat()
    });
    assert_eq!(chosen(outcome), Some(1), "{asked:?}");
}

#[test]
fn a_child_whose_own_slow_runs_break_the_budget_is_not_taken() {
    let candidates = ranked(&[4.0, 2.0]);
    let (outcome, _) = raced_with(&candidates, Budget::p90(Millis(5.0)), |index, _| {
        let slow = |run: usize| run % 5 == 4 && index == 0;
        (0..100).map(|run| Millis([4.0, 2.0][index] * if slow(run) { 1.4 } else { 1.0 })).collect()
    });
    let Outcome::Keeps { index: 1, passed_over: Some(passed), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!((passed.index, passed.measured, passed.time), (0, true, Millis(5.6)));
    assert!(passed.misses > 0.1, "{passed:?}");
}

#[test]
fn a_budget_below_the_fastest_is_measured_twice_and_refused() {
    let times = [8.0, 6.0, 2.0];
    let (outcome, asked) = raced(&times, &times, Budget::p50(Millis(1.0)));
    assert!(matches!(outcome, Outcome::TooTight { index: 2, .. }));
    assert_eq!(asked, [2, 2]);
    // Just enough for the fastest: nothing is faster, so it needs no room.
    assert_eq!(chosen(raced(&times, &times, Budget::p50(Millis(2.02))).0), Some(2));
}

#[test]
fn a_dominated_child_hides_no_better_one_beyond_it() {
    let (outcome, _) = raced(&[6.0, 9.0, 5.0], &[3.0, 4.5, 2.5], Budget::p50(Millis(5.6)));
    assert_eq!(chosen(outcome), Some(0));
    let (outcome, _) = raced(&[8.0, 4.0, 5.0, 2.0], &[8.0, 6.0, 6.0, 2.0], Budget::p50(Millis(5.5)));
    assert_eq!(chosen(outcome), Some(3));
}

#[test]
fn the_child_that_is_passed_over_is_the_one_nearest_to_the_budget() {
    // The second one is worse and slower than the first.
    let times = [5.2, 9.0, 4.0];
    let (outcome, _) = raced(&times, &times, Budget::p50(Millis(5.0)));
    let Outcome::Keeps { index: 2, passed_over: Some(passed), .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(passed.index, 0);
}

#[test]
fn where_nothing_keeps_the_budget_the_looks_are_bounded() {
    let times: Vec<f64> = (0..20).map(|place| 4.0 - 0.05 * f64::from(place)).collect();
    let candidates = ranked(&times);
    // One run in eight misses: too many at p95, too few to reject at once.
    let (outcome, asked) = raced_with(&candidates, Budget::p95(Millis(8.0)), |index, _| {
        (0..96).map(|run| Millis(if run % 8 == 7 { 20.0 } else { times[index] })).collect()
    });
    assert!(matches!(outcome, Outcome::TooTight { .. }), "{outcome:?}");
    assert!(asked.len() <= ALL_LOOKS + LEAST_LOOKS * candidates.len(), "{}", asked.len());
}
