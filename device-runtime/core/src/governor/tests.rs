use super::*;
use proptest::prelude::*;

fn rung(name: &str, ms: f64, accuracy: f64) -> Rung {
    Rung { name: name.to_owned(), predicted: Millis(ms), accuracy }
}

fn ladder(times: &[f64]) -> Ladder {
    let rungs = times.iter().enumerate();
    Ladder::new(rungs.map(|(place, &time)| rung(&format!("child-{place}"), time, 80.0 + place as f64))).unwrap()
}

/// A governor for a limit of 10 ms, and a clock of ten inferences a second.
struct Bench {
    governor: Governor,
    now: Duration,
    hint: ThermalHint,
}

const TIMES: [f64; 4] = [2.0, 4.0, 6.0, 8.0];

impl Bench {
    /// A bench with the children of [`TIMES`].
    fn at(start: usize) -> Self {
        Self::of(&TIMES, start)
    }

    fn of(times: &[f64], start: usize) -> Self {
        let options = GovernorOptions { start: Some(start), ..GovernorOptions::new(Millis(10.0)) };
        let governor = Governor::new(ladder(times), options).unwrap();
        Self { governor, now: Duration::ZERO, hint: ThermalHint::Unknown }
    }

    fn infer(&mut self, ms: f64) -> Decision {
        self.now += Duration::from_millis(100);
        self.governor.observe(self.now, Millis(ms), self.hint)
    }

    /// Each child takes so many times what is predicted; returns each step with its second.
    fn run(&mut self, seconds: u64, slow_down: impl Fn(usize) -> f64) -> Vec<(u64, Decision)> {
        let step = |_| {
            let rung = self.governor.current();
            let said = self.infer(self.governor.rung().predicted.0 * slow_down(rung));
            (!matches!(said, Decision::Stay | Decision::TooSlow)).then_some((self.now.as_secs(), said))
        };
        (0..seconds * 10).filter_map(step).collect()
    }
}

const fn down(to: usize, why: Reason) -> Decision {
    Decision::StepDown { to, why }
}

#[test]
fn each_rule_of_a_step_down() {
    let (hit, miss) = (8.0, 11.0);
    let one_in = |every: usize, count: usize| {
        (0..count).map(|place| if place % every == 0 { miss } else { hit }).collect::<Vec<_>>()
    };
    type Case = (&'static str, Vec<f64>, Option<(usize, Reason)>);
    let cases: [Case; 8] = [
        ("within the limit", vec![10.0; 200], None),
        ("a pause", [vec![hit; 40], vec![500.0], vec![hit; 40]].concat(), None),
        ("a pause of two inferences", [vec![hit; 40], vec![500.0; 2], vec![hit; 40]].concat(), None),
        ("three in a row", vec![miss; 3], Some((3, Reason::Misses))),
        ("three in eight", [[miss, hit, hit, hit], [miss, hit, hit, miss]].concat(), Some((8, Reason::Misses))),
        ("three in nine", [&[miss, hit, hit, hit, miss, hit, hit, hit, miss][..], &[hit; 40]].concat(), None),
        ("one in twenty, which is p95", [one_in(20, 400)].concat(), None),
        ("one in ten, for ever", [one_in(10, 100)].concat(), Some((63, Reason::P95))),
    ];
    for (case, times, expected) in cases {
        let mut bench = Bench::at(3);
        let said = times.iter().map(|&time| bench.infer(time)).enumerate();
        let said = said.into_iter().find(|(_, said)| *said != Decision::Stay);
        assert_eq!(said, expected.map(|(inferences, why)| (inferences - 1, down(2, why))), "{case}");
    }
}

#[test]
fn no_answer_at_all_leads_to_the_fastest_and_back() {
    let mut bench = Bench::at(3);
    let said = [f64::INFINITY; 3].map(|time| bench.infer(time));
    assert_eq!(said, [Decision::Stay, Decision::Stay, down(0, Reason::Misses)]);
    assert_eq!(bench.run(100, |_| 1.0).iter().map(|step| step.1).collect::<Vec<_>>(), [Decision::StepUp { to: 3 }]);
}

#[test]
fn what_is_no_time_is_not_counted() {
    let mut bench = Bench::at(3);
    for _ in 0..100 {
        assert_eq!(
            (bench.infer(f64::NAN), bench.infer(-1.0), bench.infer(f64::NEG_INFINITY)),
            (Decision::Stay, Decision::Stay, Decision::Stay)
        );
    }
    assert_eq!(bench.governor.p95(), None);
}

#[test]
fn each_rule_of_a_step_up() {
    // From the child of 4 ms to that of 6 ms, whose scaled p95 must be at most 9 ms, or on to that of 8 ms.
    for (slow_down, seconds, hint, expected) in [
        (1.3, 40, ThermalHint::Fair, vec![(33, Decision::StepUp { to: 2 })]),
        (1.3, 29, ThermalHint::Unknown, vec![]),
        (1.6, 300, ThermalHint::Unknown, vec![]),
        (1.3, 300, ThermalHint::Serious, vec![]),
        // The child of 8 ms would leave no margin.
        (1.2, 300, ThermalHint::Unknown, vec![(33, Decision::StepUp { to: 2 })]),
        (1.1, 300, ThermalHint::Unknown, vec![(33, Decision::StepUp { to: 3 })]),
    ] {
        let mut bench = Bench::at(1);
        bench.hint = hint;
        assert_eq!(bench.run(seconds, |_| slow_down), expected, "{slow_down} {hint:?}");
    }
}

#[test]
fn one_moment_without_room_starts_the_wait_anew() {
    let mut bench = Bench::at(1);
    assert_eq!(bench.run(30, |_| 1.0), []);
    assert_eq!(bench.run(1, |_| 2.0), []);
    assert_eq!(bench.run(60, |_| 1.0), [(64, Decision::StepUp { to: 3 })]);
}

#[test]
fn a_rung_that_is_taken_back_waits_twice_as_long_each_time() {
    let mut bench = Bench::of(&TIMES[..3], 1);
    // The prediction is wrong for the third child: it never holds.
    let steps = bench.run(3600, |rung| if rung == 2 { 2.0 } else { 1.0 });
    let ups: Vec<u64> =
        steps.iter().filter(|(_, said)| matches!(said, Decision::StepUp { .. })).map(|step| step.0).collect();
    let waits: Vec<u64> = ups.windows(2).map(|pair| pair[1] - pair[0]).collect();
    // A window is filled after each, in about three seconds; 16 minutes are the longest wait.
    let expected = [60, 120, 240, 480, 960, 960];
    assert_eq!(waits.len(), expected.len());
    assert!(waits.iter().zip(expected).all(|(wait, expected)| (3..=4).contains(&(wait - expected))), "{waits:?}");
    assert_eq!(steps.len(), 2 * ups.len());
}

#[test]
fn a_rung_that_held_is_tried_again_soon() {
    for (held, expected) in [(60, 64), (301, 60)] {
        let mut bench = Bench::of(&TIMES[..3], 1);
        assert_eq!(bench.run(34, |_| 1.0).len(), 1);
        assert_eq!(bench.run(held, |_| 1.0), []);
        let gone = bench.run(1, |rung| if rung == 2 { 2.0 } else { 1.0 });
        assert_eq!(gone.len(), 1);
        let back = bench.run(100, |_| 1.0);
        assert_eq!(back.len(), 1);
        assert!((expected - 2..=expected).contains(&(back[0].0 - gone[0].0)), "{held}: {gone:?} {back:?}");
    }
}

#[test]
fn a_hot_device_steps_down_once() {
    let mut bench = Bench::at(3);
    bench.hint = ThermalHint::Critical;
    assert_eq!(bench.run(600, |_| 0.5), [(0, down(2, Reason::Heat))]);
    // Alternating hints change nothing.
    for _ in 0..100 {
        bench.hint = ThermalHint::Serious;
        assert_eq!(bench.run(1, |_| 0.5), []);
        bench.hint = ThermalHint::Critical;
        assert_eq!(bench.run(1, |_| 0.5), []);
    }
    bench.hint = ThermalHint::Serious;
    assert_eq!(bench.run(31, |_| 0.5), []);
    bench.hint = ThermalHint::Critical;
    assert_eq!(bench.run(1, |_| 0.5).len(), 1);
}

#[test]
fn a_device_that_is_too_slow_ends_at_the_fastest_and_says_so() {
    let mut bench = Bench::at(3);
    let steps = bench.run(600, |_| 6.0);
    assert_eq!(steps, [(0, down(0, Reason::Misses))]);
    assert!(bench.governor.is_too_slow());
    assert_eq!(bench.infer(12.0), Decision::TooSlow);
    // One quick inference is not enough, a window is.
    assert_eq!(bench.infer(2.0), Decision::TooSlow);
    assert_eq!(bench.run(4, |_| 1.0), []);
    assert!(!bench.governor.is_too_slow());
}

#[test]
fn a_third_switch_in_a_minute_needs_more_than_chance() {
    let mut bench = Bench::at(3);
    let mut now_and_then = |seconds: usize| -> Vec<Decision> {
        let said = (0..seconds * 10).map(|place| bench.infer(if place % 4 == 0 { 11.0 } else { 1.0 }));
        said.filter(|said| !matches!(said, Decision::Stay | Decision::TooSlow)).collect()
    };
    // One in four is two in eight, too few for the quick rule: p95 takes two windows a step.
    assert_eq!(now_and_then(50), [down(2, Reason::P95), down(1, Reason::P95)]);
    assert_eq!(now_and_then(40), [down(0, Reason::P95)]);

    // Two of three miss: three are enough twice, then five of eight.
    let mut bench = Bench::at(3);
    let miss = |place: usize| if place.is_multiple_of(3) { 1.0 } else { 11.0 };
    let steps = (1..=20).filter(|&place| !matches!(bench.infer(miss(place)), Decision::Stay | Decision::TooSlow));
    assert_eq!(steps.collect::<Vec<_>>(), [4, 8, 16]);
}

#[test]
fn a_load_that_comes_and_goes_takes_one_step_each() {
    let mut bench = Bench::at(3);
    assert_eq!(bench.run(10, |_| 1.0), []);
    // Twice as slow: that of 4 ms takes 8 of the limit of 10; that of 6 ms on the way would miss it, too.
    let steps = bench.run(90, |_| 2.0);
    assert_eq!(steps, [(10, down(1, Reason::Misses))]);
    // The load ends: after 10 seconds and a window, not after 30, and past the rung between.
    let steps = bench.run(60, |_| 1.0);
    assert!(matches!(steps[..], [(111..=115, Decision::StepUp { to: 3 })]), "{steps:?}");
}

#[test]
fn a_wait_that_grew_ends_with_the_load_that_caused_it() {
    let mut bench = Bench::of(&TIMES[..3], 1);
    // The child of 6 ms is taken back again and again.
    let steps = bench.run(900, |rung| if rung == 2 { 2.0 } else { 1.0 });
    assert!(steps.len() >= 6, "{steps:?}");
    let ended = bench.now.as_secs();
    let steps = bench.run(60, |_| 0.6);
    assert!(matches!(steps[..], [(at, Decision::StepUp { to: 2 })] if at <= ended + 20), "{steps:?}");
}

#[test]
fn a_budget_may_change() {
    let mut bench = Bench::at(3);
    assert_eq!(bench.run(20, |_| 1.0), []);
    bench.governor.set_budget(Millis(5.0)).unwrap();
    // Earlier measurements already count: only the child of 4 ms leaves room.
    assert_eq!(bench.infer(8.0), down(1, Reason::Misses));
    assert_eq!(bench.run(10, |_| 1.0), []);
    bench.governor.set_budget(Millis(20.0)).unwrap();
    let ups = [Decision::StepUp { to: 3 }];
    assert_eq!(bench.run(200, |_| 1.0).iter().map(|step| step.1).collect::<Vec<_>>(), ups);
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(bench.governor.set_budget(Millis(wrong)), Err(GovernorError::NoDuration { .. })));
    }
    assert_eq!(bench.governor.limit(), Millis(20.0));
}

#[test]
fn a_child_is_passed_over_until_it_is_ready_and_added() {
    let mut bench = Bench::of(&[2.0, 8.0], 1);
    // From 8 ms past that of 5 ms to 2 ms, and back.
    assert_eq!(bench.run(1, |rung| if rung == 1 { 2.0 } else { 1.0 }), [(0, down(0, Reason::Misses))]);
    assert_eq!(bench.run(70, |_| 1.0).iter().map(|step| step.1).collect::<Vec<_>>(), [Decision::StepUp { to: 1 }]);
    let before = bench.governor.p95();
    assert!(bench.governor.add(rung("ready", 5.0, 80.5)).unwrap());
    assert_eq!((bench.governor.current(), bench.governor.rung().name.as_str()), (2, "child-1"));
    assert_eq!((bench.governor.p95(), before.is_some()), (before, true), "what was measured still counts");
    // From then on it is a step on the way, down and up.
    assert_eq!(bench.run(1, |rung| if rung == 2 { 1.5 } else { 1.0 })[0].1, down(1, Reason::Misses));
    assert_eq!(bench.governor.rung().name, "ready");
    bench.hint = ThermalHint::Critical;
    assert_eq!(bench.infer(5.0), down(0, Reason::Heat));
    bench.hint = ThermalHint::Unknown;
    let ups = bench.run(300, |_| 1.0);
    // That of 8 ms was taken back a moment ago, and waits longer.
    assert_eq!(ups.iter().map(|step| step.1).collect::<Vec<_>>(), [1, 2].map(|to| Decision::StepUp { to }));
}

#[test]
fn the_ladder_keeps_only_what_nothing_beats_whatever_is_added() {
    let mut bench = Bench::at(1);
    bench.run(10, |_| 1.0);
    let names = |bench: &Bench| -> Vec<String> {
        bench.governor.ladder().rungs().iter().map(|rung| rung.name.clone()).collect()
    };
    let p95 = bench.governor.p95();
    assert!(p95.is_some());
    // Dominated, or no better than an existing rung.
    for (ms, accuracy) in [(5.0, 80.5), (4.0, 81.0), (9.0, 83.0)] {
        assert!(!bench.governor.add(rung("new", ms, accuracy)).unwrap());
    }
    let taken = bench.governor.add(rung("child-2", 5.0, 81.5)).unwrap_err().to_string();
    assert!(taken.contains("`child-2`") && taken.contains("name of its own"), "{taken}");
    assert!(bench.governor.add(rung("new", f64::NAN, 90.0)).is_err());
    assert_eq!(names(&bench), ["child-0", "child-1", "child-2", "child-3"]);
    assert_eq!((bench.governor.current(), bench.governor.p95()), (1, p95));
    // It dominates the next two.
    assert!(bench.governor.add(rung("strong", 5.5, 90.0)).unwrap());
    assert_eq!(names(&bench), ["child-0", "child-1", "strong"]);
    // It dominates the one that serves: it serves in its place, and no time of it is known yet.
    assert!(bench.governor.add(rung("quick", 3.0, 81.0)).unwrap());
    assert_eq!(names(&bench), ["child-0", "quick", "strong"]);
    assert_eq!((bench.governor.current(), bench.governor.p95()), (1, None));
}

#[test]
fn what_is_known_of_a_rung_stays_when_others_are_added() {
    let ups = |add: bool| {
        let mut bench = Bench::of(&TIMES[..3], 1);
        let too_much = |name: &str| if name == "child-2" { 2.0 } else { 1.0 };
        let mut all = Vec::new();
        for inference in 0..6000 {
            if add && inference == 1000 {
                assert!(bench.governor.add(rung("new", 1.0, 79.0)).unwrap());
            }
            let Rung { name, predicted, .. } = bench.governor.rung();
            let ms = predicted.0 * too_much(name);
            if let Decision::StepUp { .. } = bench.infer(ms) {
                all.push(bench.now.as_secs());
            }
        }
        all
    };
    // Added while it waits: that wait starts again, but is not shorter.
    let (without, with) = (ups(false), ups(true));
    assert!(with.len() > 2 && with.len() <= without.len(), "{without:?} {with:?}");
    assert!(without.iter().zip(&with).all(|(without, with)| with >= without), "{without:?} {with:?}");
}

#[test]
fn it_starts_where_the_prediction_leaves_the_margin() {
    for (limit, start) in [(20.0, 3), (9.9, 2), (10.0, 3), (3.0, 0), (0.1, 0)] {
        let governor = Governor::new(ladder(&TIMES), GovernorOptions::new(Millis(limit))).unwrap();
        assert_eq!(governor.current(), start, "{limit}");
    }
}

#[test]
fn what_cannot_be_is_refused() {
    assert_eq!(Ladder::new([]), Err(GovernorError::NoRung));
    assert_eq!(Ladder::pareto([]), Err(GovernorError::NoRung));
    for (second, problem, remedy) in [
        (rung("b", 0.0, 90.0), "positive", "a profile"),
        (rung("b", f64::NAN, 90.0), "positive", "a profile"),
        (rung("b", f64::INFINITY, 90.0), "positive", "a profile"),
        (rung("b", 3.0, f64::NAN), "not a number", "in percent"),
        (rung("a", 3.0, 90.0), "this name", "name of its own"),
        (rung("b", 2.0, 90.0), "before it", "`Ladder::pareto`"),
        (rung("b", 3.0, 80.0), "before it", "`Ladder::pareto`"),
    ] {
        let both = [rung("a", 2.0, 80.0), second];
        let error = Ladder::new(both.clone()).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains(remedy), "{error}");
        match Ladder::pareto(both) {
            Ok(ladder) => assert!(problem == "before it" && ladder.rungs().len() == 1),
            Err(same) => assert_eq!(same.to_string(), error),
        }
    }
    let good = GovernorOptions::new(Millis(10.0));
    for wrong in [
        GovernorOptions { limit: Millis(f64::NAN), ..good },
        GovernorOptions { start: Some(4), ..good },
        GovernorOptions { margin: 1.0, ..good },
        GovernorOptions { misses: 0, ..good },
        GovernorOptions { misses: 9, ..good },
        GovernorOptions { among: WINDOW + 1, ..good },
    ] {
        assert!(Governor::new(ladder(&TIMES), wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn hints_are_read_as_the_systems_define_them() {
    use ThermalHint::*;
    for (headroom, hint) in [
        (0.0, Nominal),
        (0.69, Nominal),
        (0.7, Fair),
        (0.85, Serious),
        (1.0, Critical),
        (f32::INFINITY, Critical),
        (-0.1, Unknown),
    ] {
        assert_eq!(ThermalHint::from_android_headroom(headroom), hint, "{headroom}");
    }
    let states = [-1, 0, 1, 2, 3, 4].map(ThermalHint::from_ios_state);
    assert_eq!(states, [Unknown, Nominal, Fair, Serious, Critical, Critical]);
}

proptest! {
    #[test]
    fn no_sequence_panics_or_leaves_the_ladder(
        steps in proptest::collection::vec((any::<f64>(), 0..5u8, any::<u64>(), -1..5i32, 0..40u8), 0..400),
        start in 0..4usize,
    ) {
        let mut bench = Bench::at(start);
        for (place, (any, kind, nanoseconds, state, accuracy)) in steps.into_iter().enumerate() {
            let latency = match kind {
                0 => any,
                1 => f64::INFINITY,
                2 => 0.0,
                _ => any.abs() % 20.0,
            };
            let before = bench.governor.current();
            // Any time, forwards and back.
            let now = Duration::from_nanos(nanoseconds);
            match bench.governor.observe(now, Millis(latency), ThermalHint::from_ios_state(state)) {
                Decision::Stay => prop_assert_eq!(bench.governor.current(), before),
                Decision::TooSlow => prop_assert!(bench.governor.current() == before && bench.governor.is_too_slow()),
                Decision::StepDown { to, .. } => prop_assert!(to < before && bench.governor.current() == to),
                Decision::StepUp { to } => prop_assert!(to > before && bench.governor.current() == to),
            }
            let _ = bench.governor.set_budget(Millis(if kind == 4 { latency } else { 10.0 }));
            let added = rung(&format!("added-{place}"), latency, 78.0 + f64::from(accuracy) / 4.0);
            let taken = bench.governor.add(added).is_ok();
            let rungs = bench.governor.ladder().rungs();
            let pareto = Ladder::pareto(rungs.iter().cloned()).unwrap();
            prop_assert_eq!(pareto.rungs(), rungs);
            prop_assert!(bench.governor.current() < rungs.len());
            prop_assert_eq!(taken, latency > 0.0 && latency.is_finite());
        }
    }
}
