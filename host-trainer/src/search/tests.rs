//! The searches under budgets with made-up accuracies: no result costs more than its budget, and the best is found.

use super::*;
use crate::synthetic::table;
use nestling_core::latency::{LatencyModel, LatencyTable};
use nestling_core::space::{HeadSpace, Padding, SearchSpace, StageSpace, StemSpace};
use proptest::prelude::*;
use proptest::sample::subsequence;
use std::collections::HashMap;

/// An accuracy of each child as a count of 100,000 images.
fn made_up<'a>(
    space: &'a ValidatedSpace,
    correct: impl Fn(&Child) -> u32 + 'a,
) -> impl FnMut(&[Child]) -> Result<Vec<Evaluated>, CalibrateError> + 'a {
    move |children: &[Child]| {
        let evaluated = |child: &Child| -> Result<Evaluated, CalibrateError> {
            let cost = space.lower(child)?.cost();
            Ok(Evaluated { child: child.clone(), cost, held_out: Top1 { correct: correct(child), images: 100_000 } })
        };
        children.iter().map(evaluated).collect()
    }
}

/// Accuracy that grows with every choice, less and less, by another amount in each dimension.
fn concave(space: &ValidatedSpace, child: &Child) -> u32 {
    let counts = space.choice_counts();
    let gains = space.choice_indices(child).into_iter().zip(counts).enumerate().map(|(dimension, (index, count))| {
        let position = index as f64 / (count - 1).max(1) as f64;
        let weight = 1.0 + (7 * dimension % 5) as f64;
        weight * (1.0 + 3.0 * position).ln()
    });
    (1000.0 * gains.sum::<f64>()) as u32
}

/// Accuracy without any order.
fn scattered(child: &Child) -> u32 {
    child.to_string().bytes().fold(7, |hash: u32, byte| hash.wrapping_mul(31).wrapping_add(byte.into())) % 100_000
}

fn stages() -> impl Strategy<Value = StageSpace> {
    let lists = (
        subsequence(vec![8u32, 12, 16, 24], 1..=3),
        subsequence(vec![1u32, 2, 3], 1..=3),
        subsequence(vec![3u32, 5, 7], 1..=2),
        subsequence(vec![1u32, 2, 4], 1..=2),
    );
    (lists, 1u32..=2).prop_map(|((widths, depths, kernels, ratios), stride)| {
        StageSpace::new(&widths, &depths, &kernels, &ratios, stride)
    })
}

fn spaces() -> impl Strategy<Value = ValidatedSpace> {
    let parts = (
        subsequence(vec![16u32, 20, 24, 28], 1..=4),
        subsequence(vec![8u32, 12, 16], 1..=3),
        prop::collection::vec(stages(), 1..=4),
        prop::option::of(subsequence(vec![32u32, 48, 64], 1..=2)),
    );
    parts.prop_map(|(resolutions, widths, stages, head)| {
        let space = SearchSpace {
            name: "random".into(),
            padding: Padding::Same,
            resolutions,
            stem: StemSpace { widths, kernel: 3, stride: 1 },
            stages,
            head: head.map(|widths| HeadSpace { widths, expand_ratio: None }),
            ..SearchSpace::fashion()
        };
        space.validated().unwrap()
    })
}

/// A device with nominal times for every kind of layer.
fn device() -> LatencyTable {
    LatencyTable { model: LatencyModel::nominal(), ..table("nominal", 1.0) }
}

/// The limit at a share of the way from the smallest child's cost to the biggest's.
fn limit_at<'a>(space: &ValidatedSpace, kind: LimitKind<'a>, share: f64) -> Limit<'a> {
    let cost = |child| kind.at(0.0).cost(&space.lower(&child).unwrap());
    let [least, most] = [cost(space.smallest()), cost(space.biggest())];
    kind.at(least + share * (most - least))
}

type Selection = fn(&SelectionTask<'_>, &mut Trials, &mut dyn Evaluate) -> Result<Evaluated, SearchError>;

/// Every search as one type; coarse-to-fine for one budget.
const SEARCHES: [(&str, Selection); 3] = [
    ("coarse-to-fine", |task, trials, evaluate| {
        Ok(coarse_to_fine(task.space, &[task.limit], task.evaluations, trials, evaluate)?.remove(0))
    }),
    ("random", random_search),
    ("evolution", evolution),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn no_search_exceeds_its_budget_in_madds_parameters_or_milliseconds(
        space in spaces(), share in 0.0f64..1.0, evaluations in 1usize..40, seed in any::<u64>(), kind in 0usize..3,
    ) {
        let device = device();
        let kind = [LimitKind::MAdds, LimitKind::Params, LimitKind::Latency(&device)][kind];
        let limit = limit_at(&space, kind, share);
        for (name, search) in SEARCHES {
            let task = SelectionTask { space: &space, limit, evaluations, seed };
            let mut trials = Trials::default();
            let best = search(&task, &mut trials, &mut made_up(&space, scattered)).unwrap();
            let cost = limit.cost(&space.lower(&best.child).unwrap());
            prop_assert!(cost <= limit.most(), "{}: {} of {}", name, cost, limit.most());
            prop_assert_eq!(limit.cost_of(&space, &best), cost);
            prop_assert!(trials.evaluated().iter().all(|one| task.allows(&one.child)), "{}", name);
            prop_assert!(trials.evaluated().iter().all(|one| one.held_out.correct <= best.held_out.correct));
            let grid = if name == "coarse-to-fine" { affordable_grid(&space, &[limit]).len() } else { 0 };
            prop_assert!(trials.evaluated().len() <= evaluations + grid, "{}", name);
        }
    }

    #[test]
    fn no_row_of_a_comparison_exceeds_its_budget_and_no_child_is_evaluated_twice(
        space in spaces(), shares in prop::collection::vec(0.0f64..1.0, 1..4), more in 4usize..60, seed in any::<u64>(),
    ) {
        let mut given: Vec<f64> = shares.iter().map(|&share| limit_at(&space, LimitKind::MAdds, share).most()).collect();
        given.sort_by(f64::total_cmp);
        given.dedup();
        let budgets = given_budgets(LimitKind::MAdds, &given).unwrap();
        let limits: Vec<Limit<'_>> = budgets.iter().map(|budget| budget.limit).collect();
        let evaluations = affordable_grid(&space, &limits).len() + more;
        let comparison = Comparison { space: &space, budgets: &budgets, evaluations, seed };
        let mut asked: HashMap<Child, usize> = HashMap::new();
        let mut accuracy = made_up(&space, scattered);
        let mut held_out = |children: &[Child]| {
            children.iter().for_each(|child| *asked.entry(child.clone()).or_default() += 1);
            accuracy(children)
        };
        let mut tested = Vec::new();
        let mut accuracy = made_up(&space, |child| scattered(child) / 2);
        let mut test = |children: &[Child]| {
            tested.extend(children.iter().map(ToString::to_string));
            accuracy(children)
        };
        let rows = compare(&comparison, &mut held_out, &mut test).unwrap();
        prop_assert_eq!(rows.len(), budgets.len());
        prop_assert!(asked.values().all(|times| *times == 1) && asked.len() <= 3 * evaluations);
        for (row, budget) in rows.iter().zip(&budgets) {
            for one in [&row.coarse_to_fine, &row.random, &row.evolution] {
                let child = space.parse_child(&one.child).unwrap();
                prop_assert!(one.cost.madds.0 as f64 <= row.most && budget.limit.allows(&space, &child));
                prop_assert_eq!((one.held_out.correct, one.test.correct), (scattered(&child), scattered(&child) / 2));
                prop_assert!(tested.contains(&one.child));
            }
        }
        let selected: Vec<&String> =
            rows.iter().flat_map(|row| [&row.coarse_to_fine.child, &row.random.child, &row.evolution.child]).collect();
        prop_assert!(tested.iter().all(|child| selected.contains(&child)));
    }
}

#[test]
fn evolution_on_a_predictor_keeps_the_budget_and_finds_the_best_of_what_it_learned() {
    let space = SearchSpace::fashion().validated().unwrap();
    let device = device();
    for kind in [LimitKind::MAdds, LimitKind::Params, LimitKind::Latency(&device)] {
        let limit = limit_at(&space, kind, 0.3);
        let task = SelectionTask { space: &space, limit, evaluations: 12, seed: 4 };
        let mut trials = Trials::default();
        let mut evaluate = made_up(&space, |child| 90_000 + child.resolution);
        let best = evolution_on_a_predictor(&task, 40, &mut trials, &mut evaluate).unwrap();
        assert_eq!(trials.evaluated().len(), 52);
        assert!(task.allows(&best.child) && trials.evaluated()[40..].iter().all(|one| task.allows(&one.child)));
        assert_eq!(best.child.resolution, *space.resolutions.last().unwrap());
    }
}

#[test]
fn a_space_with_too_few_children_for_a_predictor_is_searched_all_the_same() {
    let mut space = SearchSpace::fashion();
    space.resolutions.truncate(2);
    for widths in space.stages.iter_mut().map(|stage| &mut stage.widths).chain([&mut space.stem.widths]) {
        widths.truncate(1);
    }
    for stage in &mut space.stages {
        stage.depths.truncate(1);
        stage.kernels.truncate(1);
        stage.expand_ratios.truncate(1);
    }
    space.head.iter_mut().for_each(|head| head.widths.truncate(2));
    let space = space.validated().unwrap();
    let limit = limit_at(&space, LimitKind::MAdds, 1.0);
    let task = SelectionTask { space: &space, limit, evaluations: 12, seed: 4 };
    let mut trials = Trials::default();
    let best = evolution_on_a_predictor(&task, 40, &mut trials, &mut made_up(&space, |child| concave(&space, child)));
    assert_eq!((best.unwrap().child, trials.evaluated().len()), (space.biggest(), 4));
}

#[test]
fn coarse_to_fine_finds_the_best_child_of_a_small_space() {
    let space = SearchSpace::fashion();
    let space =
        SearchSpace { resolutions: vec![20, 28], stem: StemSpace { widths: vec![12], ..space.stem.clone() }, ..space };
    let space = space.validated().unwrap();
    let counts = space.choice_counts();
    let size: usize = counts.iter().product();
    let all: Vec<Child> = (0..size)
        .map(|mut number| {
            let indices: Vec<usize> = (counts.iter())
                .map(|count| {
                    let index = number % count;
                    number /= count;
                    index
                })
                .collect();
            space.child_at(&indices)
        })
        .collect();
    for share in [0.1, 0.2, 0.3, 0.4] {
        let limit = limit_at(&space, LimitKind::MAdds, share);
        let best = all.iter().filter(|child| limit.allows(&space, child)).map(|child| concave(&space, child)).max();
        let mut trials = Trials::default();
        let accuracy = |child: &Child| concave(&space, child);
        let found = coarse_to_fine(&space, &[limit], 40, &mut trials, &mut made_up(&space, accuracy)).unwrap();
        println!("{share}: {} of {size} children, {} {best:?}", trials.evaluated().len(), found[0].held_out.correct);
        assert_eq!(Some(found[0].held_out.correct), best, "{share}");
    }
}

#[test]
fn a_budget_below_the_smallest_child_evaluates_nothing() {
    let space = SearchSpace::table1().validated().unwrap();
    for (name, search) in SEARCHES {
        let task = SelectionTask { space: &space, limit: LimitKind::MAdds.at(2e8), evaluations: 9, seed: 1 };
        let mut none = |_: &[Child]| -> Result<Vec<Evaluated>, CalibrateError> { panic!("nothing fits") };
        let error = search(&task, &mut Trials::default(), &mut none).unwrap_err();
        assert_eq!(error.code(), "search_too_tight", "{name}");
        assert!(error.to_string().contains("the smallest takes 206.7 M MAdds"), "{error}");
    }
}

#[test]
fn a_comparison_needs_more_evaluations_than_the_grid_has_children() {
    let space = SearchSpace::fashion().validated().unwrap();
    let budgets = default_budgets(&space, LimitKind::MAdds).unwrap();
    let comparison = Comparison { space: &space, budgets: &budgets, evaluations: 9, seed: 1 };
    let mut none = |_: &[Child]| -> Result<Vec<Evaluated>, CalibrateError> { panic!("too few") };
    let error = compare(&comparison, &mut none, &mut |_: &[Child]| Ok(Vec::new())).unwrap_err();
    assert_eq!(error.code(), "search_too_few_evaluations");
}

#[test]
fn a_tight_budget_of_table1_is_searched_by_all() {
    let space = SearchSpace::table1().validated().unwrap();
    let limit = LimitKind::MAdds.at(242e6);
    for (name, search) in SEARCHES {
        let task = SelectionTask { space: &space, limit, evaluations: 30, seed: 1 };
        let mut trials = Trials::default();
        let best = search(&task, &mut trials, &mut made_up(&space, |child| concave(&space, child))).unwrap();
        let evaluated = trials.evaluated().len();
        assert!(evaluated >= 30 && best.cost.madds.0 <= 242_000_000, "{name}: {evaluated} {best:?}");
    }
}

/// The accuracies are those that the predictor of the demo's bundle learned from evaluated children.
#[test]
fn coarse_to_fine_beats_random_search_on_the_demos_accuracies() {
    let asset = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/assets/fashion.nestling");
    let bundle = nestling_bundle::Bundle::open(asset).unwrap();
    let (space, predictor) = (bundle.space(), bundle.manifest().accuracy_predictor.as_ref().unwrap());
    let accuracy = |child: &Child| (1000.0 * predictor.predict(space, child)) as u32;
    let budgets = default_budgets(space, LimitKind::MAdds).unwrap();
    let mut sums = [0.0; 3];
    for seed in 0..3 {
        let comparison = Comparison { space, budgets: &budgets, evaluations: 180, seed };
        let rows = compare(&comparison, &mut made_up(space, accuracy), &mut made_up(space, accuracy)).unwrap();
        for row in &rows {
            for (sum, one) in sums.iter_mut().zip([&row.coarse_to_fine, &row.random, &row.evolution]) {
                *sum += one.held_out.percent() / 12.0;
            }
        }
    }
    println!("coarse to fine, random, evolution: {sums:.3?}");
    assert!(sums[0] > sums[1], "{sums:?}");
}
